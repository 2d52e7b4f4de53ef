/// What a server counts, by name.
extension MetricDefinition {
  static let connections = Self("zinx_connections", .gauge, "Connections that are live")
  static let arriving = Self(
    "zinx_arriving_connections", .gauge, "Peers that have a place and are no connections yet, as in a handshake")
  static let maxConnections = Self(
    "zinx_max_connections", .gauge, "Connections that may be live at once, as far as descriptors allow")
  static let accepted = Self("zinx_connections_accepted", .counter, "Connections that have begun")
  static let ended = Self("zinx_connections_ended", .counter, labels: ["reason"], "Connections that have ended, by close reason")
  static let refused = Self(
    "zinx_connections_refused", .counter, labels: ["reason"], "Connections that were closed as soon as they were accepted")
  static let failedArrivals = Self(
    "zinx_arrivals_failed", .counter, labels: ["reason"],
    "Peers that were accepted and never became connections, as when a handshake fails")
  static let acceptPauses = Self(
    "zinx_accept_pauses", .counter, labels: ["reason"], "Times that accepting rested: it failed, or AcceptRate was reached")
  static let listenerConnections = Self(
    "zinx_listener_connections", .gauge, labels: ["listener"], "Connections that are live, by listener")
  static let listenerMaxConnections = Self(
    "zinx_listener_max_connections", .gauge, labels: ["listener"],
    "Connections of a listener that may be live at once, where it has a limit")
  static let listenerAccepted = Self(
    "zinx_listener_connections_accepted", .counter, labels: ["listener"], "Connections that have begun, by listener")
  static let certificateExpiry = Self(
    "zinx_tls_certificate_expiry_timestamp_seconds", .gauge, labels: ["listener"],
    "When the first of the certificates of a listener ends, in Unix time")
  static let certificateWarnings = Self(
    "zinx_tls_certificate_warnings", .counter,
    "Times that a certificate was found to have ended or to end soon: at the start, by a reload, and again each day")
  static let received = Self(
    "zinx_messages_received", .counter, "Messages that were handed to handlers, those without a route included")
  static let sent = Self("zinx_messages_sent", .counter, "Messages that were handed to the send path")
  static let receivedBytes = Self("zinx_received_bytes", .counter, "Bytes that were received, as peers see them")
  static let sentBytes = Self("zinx_sent_bytes", .counter, "Bytes of messages that were handed to the send path")
  static let unknown = Self("zinx_messages_unrouted", .counter, "Messages with an id that has no route")
  static let unauthenticated = Self(
    "zinx_messages_unauthenticated", .counter, "Messages that were dropped because their peer had not authenticated")
  static let undecodable = Self("zinx_messages_undecodable", .counter, "Messages with data that their route could not decode")
  static let skipped = Self(
    "zinx_messages_skipped", .counter, "Messages to many that a peer did not get because its queue was full")
  static let unencodable = Self(
    "zinx_messages_unencodable", .counter, "Messages to many that a peer did not get because its frames cannot carry them")
  static let handlerErrors = Self("zinx_handler_errors", .counter, "Messages whose handler failed")
  static let deadlines = Self("zinx_handler_deadlines_exceeded", .counter, "Messages whose handler was cancelled at its deadline")
  static let handling = Self(
    "zinx_handler_seconds", .histogram,
    "Time of a message in its handler with what that awaits, of the first message of one batch in 67")
  static let queueing = Self(
    "zinx_queue_seconds", .histogram, "Time of a batch between event loop and worker, of one in 67; there is none without workers"
  )
  static let readPauses = Self(
    "zinx_read_pauses", .counter, "Times that a connection was not read for a while because of MaxMsgRate or MaxByteRate")
  static let sendWaits = Self("zinx_send_waits", .counter, "Times that a sender waited for room in the queue of its peer")
  static let queuedBytes = Self(
    "zinx_queued_bytes", .gauge, "Memory of messages that wait for their peers, as it counts against MaxQueueBytes")
  static let queueFullness = Self(
    "zinx_queue_fullness_ratio", .gauge, "The same as a part of MaxQueueBytes; 0 without that limit")
  static let loops = Self("zinx_loops", .gauge, "Event loops")
  static let workers = Self("zinx_workers", .gauge, "Worker threads")
  static let busyWorkers = Self("zinx_workers_busy", .gauge, "Workers that are in a handler")
  static let blockedWorkers = Self(
    "zinx_workers_blocked", .gauge, "Workers that have been in one handler for ten seconds or longer")
  static let workerRequests = Self(
    "zinx_worker_queued_messages", .gauge, "Messages that were handed to workers and are not handled yet")
  static let workerFullness = Self(
    "zinx_worker_queue_fullness_ratio", .gauge, "How full the queue of the fullest worker is, as a part of MaxWorkerTaskLen")
  static let workerWaits = Self(
    "zinx_worker_waiting_connections", .gauge, "Connections that are not read because the queue of their worker is full")

  static let routeMessages = Self(
    "zinx_route_messages", .counter, labels: ["ids", "plugin"],
    "Messages of a route, an estimate: those of one batch in 67, times 67")
  static let routeFailures = Self(
    "zinx_route_failures", .counter, labels: ["ids", "plugin"],
    "Messages of a route whose handler failed, was cancelled at its deadline, or could not decode them")
  static let routeHandling = Self(
    "zinx_route_handler_seconds", .summary, labels: ["ids", "plugin"],
    "Time in the handlers of a route, as zinx_handler_seconds has it for all; quantiles of all since the start, 1.0 is the longest"
  )
  static let routeQueueing = Self(
    "zinx_route_queue_seconds", .summary, labels: ["ids", "plugin"],
    "Time of the messages of a route between event loop and worker, of one batch in 67; quantiles as above")

  /// Every metric of a server, in the order in which they are told. Those of plugins come behind them.
  public static let ofServer: [MetricDefinition] = [
    connections, arriving, maxConnections, accepted, ended, refused, failedArrivals, acceptPauses, listenerConnections,
    listenerMaxConnections, listenerAccepted, certificateExpiry, certificateWarnings, received, sent, receivedBytes, sentBytes,
    unknown,
    unauthenticated,
    undecodable, skipped, unencodable, handlerErrors, deadlines, handling, queueing, readPauses, sendWaits, queuedBytes,
    queueFullness, loops, workers, busyWorkers, blockedWorkers, workerRequests, workerFullness, workerWaits,
    routeMessages, routeFailures, routeHandling, routeQueueing,
  ]
}

extension ServerReading {
  /// A worker that is longer in a handler counts as blocked.
  package static let blockedAfter = Duration.seconds(10)
  /// Why arrivals fail, but for what has not happened yet.
  private static let arrivalReasons: [CloseReason] = [.tlsFailed, .proxyHeader, .webSocketProtocol]

  /// The families of the server in the order of ``MetricDefinition/ofServer``, then those of plugins.
  package var families: [MetricFamily] {
    let own = connectionFamilies + listenerFamilies + messageFamilies + threadFamilies + routeFamilies
    return own + PluginFamilies.make(plugins, beside: own)
  }

  private func counted(_ metric: MetricDefinition) -> MetricFamily { CounterRow.family(metric, counters) }

  private var connectionFamilies: [MetricFamily] {
    [
      MetricDefinition.connections.family(.count(live)),
      MetricDefinition.arriving.family(.count(arriving)),
      MetricDefinition.maxConnections.family(.count(maxConn)),
      counted(.accepted),
      MetricDefinition.ended.family(Self.byReason(counters.connectionsClosed, CloseReason.allCases)),
      MetricDefinition.refused.family(Self.byReason(counters.refusals, RefusalReason.allCases)),
      MetricDefinition.failedArrivals.family(
        Self.byReason(
          counters.failedArrivals,
          CloseReason.allCases.filter { Self.arrivalReasons.contains($0) || counters.failedArrivals[$0] != nil })),
      counted(.acceptPauses),
    ]
  }

  /// All of them: a rate of what has not happened yet is 0, and not unknown.
  private static func byReason<Reason: Hashable & CustomStringConvertible>(
    _ counts: [Reason: UInt64], _ reasons: [Reason]
  ) -> [(label: String, value: MetricFamily.Value)] {
    reasons.map { ($0.description, .whole(counts[$0] ?? 0)) }
  }

  private var listenerFamilies: [MetricFamily] {
    [
      MetricDefinition.listenerConnections.family(listeners.map { ($0.name, .count($0.live)) }),
      MetricDefinition.listenerMaxConnections.family(
        listeners.compactMap { listener in listener.limit.map { (listener.name, .count($0)) } }),
      MetricDefinition.listenerAccepted.family(listeners.map { ($0.name, .whole($0.accepted)) }),
      MetricDefinition.certificateExpiry.family(
        listeners.compactMap { listener in listener.certificateExpiry.map { (listener.name, .number(Double($0))) } }),
      counted(.certificateWarnings),
    ]
  }

  private var messageFamilies: [MetricFamily] {
    [
      counted(.received),
      counted(.sent),
      counted(.receivedBytes),
      counted(.sentBytes),
      counted(.unknown),
      counted(.unauthenticated),
      counted(.undecodable),
      counted(.skipped),
      counted(.unencodable),
      counted(.handlerErrors),
      counted(.deadlines),
      MetricDefinition.handling.family(.distribution(handling)),
      MetricDefinition.queueing.family(.distribution(queueing)),
      counted(.readPauses),
      counted(.sendWaits),
      MetricDefinition.queuedBytes.family(.count(queuedBytes)),
      MetricDefinition.queueFullness.family(.number(Self.part(queuedBytes, of: maxQueueBytes))),
    ]
  }

  private var threadFamilies: [MetricFamily] {
    [
      MetricDefinition.loops.family(.count(loops)),
      MetricDefinition.workers.family(.count(workers.count)),
      MetricDefinition.busyWorkers.family(.count(workers.count { $0.busy > .zero })),
      MetricDefinition.blockedWorkers.family(.count(blockedWorkers)),
      MetricDefinition.workerRequests.family(.count(workers.reduce(0) { $0 + $1.queued })),
      MetricDefinition.workerFullness.family(.number(Self.part(workers.map(\.queued).max() ?? 0, of: maxWorkerTaskLen))),
      MetricDefinition.workerWaits.family(.count(workers.reduce(0) { $0 + $1.waiting })),
    ]
  }

  private var routeFamilies: [MetricFamily] {
    func family(_ definition: MetricDefinition, _ value: (RouteInfo) -> MetricFamily.Value?) -> MetricFamily {
      MetricFamily(
        definition,
        routes.compactMap { route in
          value(route).map { .init([.init("ids", "\(route.ids)"), .init("plugin", route.plugin)], $0) }
        })
    }
    return [
      family(.routeMessages) { .whole($0.messages) }, family(.routeFailures) { .whole($0.failures) },
      family(.routeHandling) { $0.handling.map { .latency($0) } }, family(.routeQueueing) { $0.queueing.map { .latency($0) } },
    ]
  }

  package var blockedWorkers: Int { workers.count { $0.busy >= Self.blockedAfter } }

  private static func part(_ number: Int, of limit: Int) -> Double { limit > 0 ? Double(number) / Double(limit) : 0 }
}
