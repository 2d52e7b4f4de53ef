import Synchronization
import ZinxIO
import ZinxTLS

/// Everything that the metrics of a server are made of, at one moment.
package struct ServerReading: Sendable {
  package struct Listener: Sendable {
    package var name: String
    package var live: Int
    /// Nil without a limit of its own.
    package var limit: Int?
    package var accepted: UInt64
    /// When its certificate ends, in seconds of Unix time; nil for plain connections.
    package var certificateExpiry: Int64?

    package init(name: String, live: Int = 0, limit: Int? = nil, accepted: UInt64 = 0, certificateExpiry: Int64? = nil) {
      (self.name, self.live, self.limit, self.accepted) = (name, live, limit, accepted)
      self.certificateExpiry = certificateExpiry
    }
  }

  package struct Worker: Sendable {
    /// Requests that were handed over and are not handled yet.
    package var queued: Int
    /// Connections that are not read because its queue is full.
    package var waiting: Int
    /// How long it has been at what it runs now.
    package var busy: Duration

    package init(queued: Int = 0, waiting: Int = 0, busy: Duration = .zero) {
      (self.queued, self.waiting, self.busy) = (queued, waiting, busy)
    }
  }

  package var counters: CounterSnapshot
  package var handling = PluginMetric.Distribution(bounds: [], counts: [0], sum: 0)
  package var queueing = PluginMetric.Distribution(bounds: [], counts: [0], sum: 0)
  package var live = 0
  package var arriving = 0
  package var maxConn = 0
  package var queuedBytes = 0
  /// 0 without a limit.
  package var maxQueueBytes = 0
  package var maxWorkerTaskLen = 1
  package var workers: [Worker] = []
  package var loops = 0
  package var listeners: [Listener] = []
  package var plugins: [PluginMetric] = []
  package var routes: [RouteInfo] = []

  package init(counters: CounterSnapshot) { self.counters = counters }
}

extension Server {
  /// Every metric of the server and of its plugins at this moment, for a text (``OpenMetrics``) or for whatever collects them: see
  /// <doc:Metrics>. What the path of messages counts is counted by each thread for itself and added up here, so this costs some thousand
  /// instructions and a message nothing. Any thread.
  public var metrics: [MetricFamily] { reading.families }

  package var reading: ServerReading {
    var reading = ServerReading(counters: counters)
    reading.handling = context.counters.times.handling.distribution
    reading.queueing = context.counters.times.queueing.distribution
    (reading.live, reading.arriving, reading.maxConn) = (connManager.count, arriving, maxConn)
    reading.queuedBytes = queuedBytes
    let limit = context.settings.maxQueueBytes.load(ordering: .relaxed)
    reading.maxQueueBytes = limit == .max ? 0 : limit
    reading.maxWorkerTaskLen = context.settings.maxWorkerTaskLen.load(ordering: .relaxed)
    let now = Instant.now
    reading.workers = context.workers.workers.map {
      .init(queued: $0.queuedRequests, waiting: $0.waitingConnections, busy: $0.busyTime(at: now))
    }
    reading.plugins = pluginMetrics
    reading.routes = routes
    state.withLock { state in
      reading.loops = state.contexts.count
      reading.listeners = state.doors.map { door in
        let places = door.context.places
        return .init(
          name: door.context.name, live: places.live, limit: places.limit == .max ? nil : places.limit, accepted: places.accepted,
          certificateExpiry: door.context.tls?.context.expiry)
      }
    }
    return reading
  }
}
