import Logging
import Synchronization
import Zinx
import ZinxIO

/// Tells the operator what a server's events mean. What peers can cause at will is rate-limited, with a count of what was left out, so
/// that logging is never what limits the daemon.
final class EventLog: Sendable {
  private enum Topic: Int, CaseIterable {
    case connections, refusals, handshakes, proxies, refusalsPerIP, refusalsByList, shedding, unknownMessages, undecodable,
      handlers,
      deadlines, rests

    /// Each kind has a budget of its own, so that a flood of one does not hide the others.
    init(_ reason: RefusalReason) {
      switch reason {
      case .maxConn, .listenerMaxConn: self = .refusals
      case .maxConnPerIP: self = .refusalsPerIP
      case .denied, .notAllowed: self = .refusalsByList
      }
    }

    /// Of what was accepted and did not become a connection.
    init(_ reason: CloseReason) { self = reason == .proxyHeader ? .proxies : .handshakes }

    var name: String {
      switch self {
      case .connections: "starts and ends of connections"
      case .refusals: "refused connections"
      case .handshakes: "handshakes that failed"
      case .proxies: "connections without a PROXY header"
      case .shedding: "shed connections"
      case .refusalsPerIP: "refused connections (MaxConnPerIP)"
      case .refusalsByList: "refused connections (Allow, Deny)"
      case .unknownMessages: "messages without a route"
      case .undecodable: "messages that could not be decoded"
      case .handlers: "failures of handlers"
      case .deadlines: "handlers beyond their deadline"
      case .rests: "rests of accepting"
      }
    }

    var limit: RateLimit {
      switch self {
      case .connections: RateLimit(burst: 200, perSecond: 50)
      case .refusals, .refusalsPerIP, .refusalsByList, .handshakes, .proxies, .shedding: RateLimit(burst: 10, perSecond: 1)
      case .unknownMessages, .undecodable, .deadlines: RateLimit(burst: 20, perSecond: 2)
      case .handlers: RateLimit(burst: 100, perSecond: 10)
      case .rests: RateLimit(burst: 10, perSecond: 1)
      }
    }
  }

  private let log: Logger
  /// Lines that were left out, as far as that was said.
  private let toldLeftOut = Atomic<UInt64>(0)
  private let toldOfRest = Atomic<Bool>(false)
  /// By topic.
  private let limits = Mutex(Topic.allCases.map(\.limit))
  /// Messages to many that peers did not get, because their queue was full and because they are no frames of theirs.
  private let skipped = Mutex(Sum())
  private let unencodable = Mutex(Sum())

  /// A number that grows, as far as it was told, and before when not to tell again.
  private struct Sum {
    private var told: UInt64 = 0
    private var next = Instant(nanoseconds: .min)

    /// How much it has grown, if that is to be told.
    mutating func growth(to total: UInt64, at now: Instant) -> UInt64? {
      guard total > told, now >= next else { return nil }
      defer { (told, next) = (total, now.advanced(byNanoseconds: 10_000_000_000)) }
      return total - told
    }
  }

  private let focus: LogFocusTable

  init(_ log: Logger, _ focus: LogFocusTable = LogFocusTable()) { (self.log, self.focus) = (log, focus) }

  /// Asked before the level, which costs more to know: swift-log copies the handler for it. What the level leaves out is not told either.
  private func may(_ topic: Topic) -> Bool { limits.withLock { $0[topic.rawValue].pass(at: .coarse) } }

  /// Lines that were left out since the start. One that is being told at this moment may be missing.
  var leftOut: UInt64 {
    limits.withLock { limits in limits.reduce(toldLeftOut.load(ordering: .relaxed)) { $0 + UInt64($1.leftOut) } }
  }

  /// Says how much was left out since the last call. Called about once a second.
  func reportLeftOut() {
    for topic in Topic.allCases {
      let count = limits.withLock { $0[topic.rawValue].takeLeftOut() }
      toldLeftOut.wrappingAdd(UInt64(count), ordering: .relaxed)
      if count > 0 { log.info("left \(count) lines out of the log", metadata: ["topic": "\(topic.name)"]) }
    }
  }

  /// Says how many messages to many peers did not get since it was last told, if that is ten seconds ago. Called about twice a second
  /// with how many there are since the start: an event for each would cost more than the message.
  func reportSkipped(_ total: UInt64, at now: Instant = .now) {
    guard let count = skipped.withLock({ $0.growth(to: total, at: now) }) else { return }
    log.warning(
      "skipped \(count) messages to peers whose queue was full (MaxMsgChanLen, MaxConnQueueBytes)",
      metadata: ["MESSAGE_ID": "\(LifecycleMessage.messagesSkipped.rawValue)", "count": "\(count)"])
  }

  /// The same of messages that a peer's frames cannot carry.
  func reportUnencodable(_ total: UInt64, at now: Instant = .now) {
    guard let count = unencodable.withLock({ $0.growth(to: total, at: now) }) else { return }
    log.warning(
      "skipped \(count) messages to peers whose frames cannot carry them (DataPack)",
      metadata: ["MESSAGE_ID": "\(LifecycleMessage.messagesSkipped.rawValue)", "count": "\(count)"])
  }

  /// Any thread; does not block.
  func take(_ event: ServerEvent) {
    let focused = focused(event)
    let log = focused ?? log
    // Of whom an operator wants to know more nothing is left out.
    func may(_ topic: Topic) -> Bool { focused != nil || self.may(topic) }
    switch event {
    case .connectionAdded(let connection, let live):
      guard may(.connections) else { return }
      log.info("connection added, conn num = \(live)", metadata: fields(.connectionAdded, connection))
    case .connectionEnded(let connection, let reason, let live, let fault):
      guard may(.connections) else { return }
      log.info(
        "connection ended: \(reason)\(connection.closeText.map { " (\($0))" } ?? ""), conn num = \(live)\(fault?.clause ?? "")",
        metadata: fields(.connectionEnded, connection, ["closeReason": "\(reason)"], fault?.fields ?? [:]))
    case .connectionRefused(let peer, let reason, let limit, let listener):
      guard may(Topic(reason)) else { return }
      refused(peer, reason, limit: limit, listener, log)
    case .arrivalFailed(let peer, let reason, let detail, let looksLike, let listener):
      guard may(Topic(reason)) else { return }
      let message = reason == .proxyHeader ? LifecycleMessage.proxyHeader : .handshakeFailed
      log.info(
        "connection not added: \(reason): \(detail)\(looksLike.map { "; \($0.clause(insteadOf: reason))" } ?? "")",
        metadata: [
          "MESSAGE_ID": "\(message.rawValue)", "peer": "\(peer)", "closeReason": "\(reason)",
          "listener": "\(listener)",
        ].merging(looksLike?.fields ?? [:]) { $1 })
    case .certificateOutOfTime(let fault, let listener):
      log.warning(
        "certificate of the listener \(listener): \(fault)",
        metadata: ["MESSAGE_ID": "\(LifecycleMessage.certificate.rawValue)", "listener": "\(listener)"])
    case .connectionsShed(let count, let bytes, let limit):
      guard may(.shedding) else { return }
      log.warning(
        "shed \(count) connections with \(bytes) bytes queued: more than \(limit) were queued for all peers (MaxQueueBytes)",
        metadata: ["MESSAGE_ID": "\(LifecycleMessage.connectionsShed.rawValue)", "count": "\(count)", "limit": "\(limit)"])
    case .unknownMessage(let connection, let id, let length, let looksLike):
      guard may(.unknownMessages) else { return }
      log.warning(
        "no route for message id \(id), dropped\(looksLike.map { "; " + $0.clause } ?? "")",
        metadata: fields(
          .unknownMessage, connection, ["msgID": "\(id)", "length": "\(length)"], looksLike?.fields ?? [:]))
    case .handlerFailed(let connection, let id, let error):
      guard may(.handlers) else { return }
      log.error("handler of message id \(id) failed: \(error)", metadata: fields(.handlerFailed, connection, ["msgID": "\(id)"]))
    case .undecodableMessage(let connection, let id, let error):
      guard may(.undecodable) else { return }
      log.warning(
        "message id \(id) could not be decoded: \(error); not told again of this connection",
        metadata: fields(.undecodableMessage, connection, ["msgID": "\(id)"]))
    case .deadlineExceeded(let connection, let id, let deadline):
      guard may(.deadlines) else { return }
      log.warning(
        "the handler of message id \(id) was cancelled: it was not done within \(deadline); not told again of this connection",
        metadata: fields(.deadlineExceeded, connection, ["msgID": "\(id)"]))
    case .startHookFailed(let connection, let error):
      guard may(.handlers) else { return }
      log.error("OnConnStart failed: \(error)", metadata: fields(.handlerFailed, connection))
    case .acceptPaused(let reason):
      guard may(.rests) else { return }
      toldOfRest.store(true, ordering: .relaxed)
      log.warning(
        "accepting rests: \(reason)", metadata: ["MESSAGE_ID": "\(LifecycleMessage.acceptPaused.rawValue)"])
    case .acceptResumed:
      // The last word about it must not be that accepting rests.
      if toldOfRest.exchange(false, ordering: .relaxed) { log.notice("accepting again") }
    case .acceptRateReached(let rate):
      log.warning(
        "more connections come than \(rate) a second (AcceptRate): they wait in the backlog",
        metadata: ["MESSAGE_ID": "\(LifecycleMessage.acceptRateReached.rawValue)", "limit": "\(rate)"])
    case .tookOver(let count, let lost):
      let level: Logger.Level = lost > 0 ? .error : .notice
      log.log(
        level: level, "took over \(count) connections\(lost > 0 ? "; \(lost) were lost" : "")",
        metadata: ["MESSAGE_ID": "\(LifecycleMessage.upgraded.rawValue)", "count": "\(count)"])
    case .handlersAbandoned(let count):
      log.warning(
        "\(count) connections are abandoned: their handlers go on half a second after they were cancelled",
        metadata: ["MESSAGE_ID": "\(LifecycleMessage.handlersAbandoned.rawValue)", "count": "\(count)"])
    case .pluginTaskFailed(let plugin, let error):
      guard may(.handlers) else { return }
      log.error(
        "plugin \(plugin): what it does beside its requests failed: \(error)",
        metadata: ["MESSAGE_ID": "\(LifecycleMessage.pluginTaskFailed.rawValue)", "plugin": "\(plugin)"])
    case .pluginTasksAbandoned(let plugin, let count):
      log.warning(
        "plugin \(plugin): \(count) of its tasks are abandoned: they go on although they were cancelled",
        metadata: ["MESSAGE_ID": "\(LifecycleMessage.pluginTasksAbandoned.rawValue)", "plugin": "\(plugin)", "count": "\(count)"])
    case .listenerLost(let address, let listener):
      log.warning(
        "nobody can come in at \(address) any more: another process that has the socket has shut it down; restart zinxd and its socket unit",
        metadata: ["MESSAGE_ID": "\(LifecycleMessage.listenerLost.rawValue)", "listener": "\(listener)"])
    case .addressAbsent(let address, let host):
      log.warning(
        "\(address), an address of the host \(host), is not one of this machine: nobody listens there",
        metadata: ["MESSAGE_ID": "\(LifecycleMessage.addressAbsent.rawValue)"])
    case .maxConnLowered(let configured, let effective):
      log.warning(
        "MaxConn is \(configured), but the limit of open files leaves room for \(effective): raise LimitNOFILE=, or lower MaxConn or ReservedDescriptors",
        metadata: ["MESSAGE_ID": "\(LifecycleMessage.maxConnLowered.rawValue)"])
    }
  }

  /// The logger for a connection or a peer that has a level of its own.
  private func focused(_ event: ServerEvent) -> Logger? {
    switch event {
    case .connectionAdded(let connection, _), .connectionEnded(let connection, _, _, _), .unknownMessage(let connection, _, _, _),
      .handlerFailed(let connection, _, _), .undecodableMessage(let connection, _, _), .deadlineExceeded(let connection, _, _),
      .startHookFailed(let connection, _):
      focus.logger(log, connection: connection.id, peer: connection.remoteAddress)
    case .connectionRefused(let peer, _, _, _), .arrivalFailed(let peer, _, _, _, _):
      focus.logger(log, connection: nil, peer: peer)
    default: nil
    }
  }

  /// The peer's address becomes text here, after the rate limit: most refusals of a flood never get so far.
  private func refused(_ peer: SocketAddress, _ reason: RefusalReason, limit: Int?, _ listener: String, _ log: Logger) {
    let count = limit.map { "\($0)" } ?? ""
    let cause =
      switch reason {
      case .maxConn: "\(count) connections are open, which is the limit (MaxConn)"
      case .listenerMaxConn: "\(count) connections of its listener are open, which is the limit (MaxConn of the listener)"
      case .maxConnPerIP: "\(count) connections are open from its address, which is the limit (MaxConnPerIP)"
      case .denied: "its address is in Deny"
      case .notAllowed: "its address is not in Allow"
      }
    var metadata: Logger.Metadata = [
      "MESSAGE_ID": "\(LifecycleMessage.connectionRefused.rawValue)", "peer": "\(peer)", "refusal": "\(reason)",
      "listener": "\(listener)",
    ]
    if limit != nil { metadata["limit"] = "\(count)" }
    log.warning("connection refused: \(cause)", metadata: metadata)
  }

  private func fields(_ message: LifecycleMessage, _ connection: Connection, _ more: Logger.Metadata...) -> Logger.Metadata {
    var own: Logger.Metadata = [
      "MESSAGE_ID": "\(message.rawValue)", "connID": "\(connection.id)", "peer": "\(connection.remoteAddress)",
      "listener": "\(connection.listener)",
    ]
    if let user = connection.user { own["user"] = "\(user)" }
    // What a plugin adds takes the place of nothing that is ours.
    own.merge(connection.logMetadata) { ours, _ in ours }
    return more.reduce(own) { $0.merging($1) { _, new in new } }
  }
}
