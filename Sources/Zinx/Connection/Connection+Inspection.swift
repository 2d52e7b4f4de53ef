import Synchronization
import ZinxIO
import ZinxWire

/// A look at a connection from outside. Any thread: what the message path counts are atomics that one thread writes, so neither the event
/// loop nor a worker takes part, and one that is blocked keeps nobody from looking.
extension Connection {
  /// What there is to say of it now.
  public var snapshot: ConnectionSnapshot { snapshot(at: .now) }

  func snapshot(at now: Instant) -> ConnectionSnapshot {
    let out = sent
    return ConnectionSnapshot(
      id: id, peer: remoteAddress, listener: listener, user: user, age: .since(acceptedAt, now),
      idle: .since(Instant(nanoseconds: receivedAt.load(ordering: .relaxed)), now),
      messagesReceived: messagesReceived.load(ordering: .relaxed), bytesReceived: bytesReceived.load(ordering: .relaxed),
      messagesSent: out.messages, bytesSent: out.bytes, queuedMessages: out.queuedMessages, queuedBytes: out.queuedBytes,
      worker: server.workers.index(for: id), isBusy: activity.load(ordering: .relaxed) != .idle,
      isEnding: isEnding, groups: joinedGroups.map(\.name), properties: shownProperties,
      framing: framing, tls: tls, webSocketPath: webSocketRequest?.path)
  }

  /// What is kept of it when it ends. Event loop.
  func ended(_ reason: CloseReason, _ fault: WireFault?, at now: Instant) -> EndedConnection {
    let out = sent
    return EndedConnection(
      id: id, peer: remoteAddress, listener: listener, user: user, reason: reason, text: closeText, fault: fault,
      duration: .since(acceptedAt, now), ago: .nanoseconds(now.nanoseconds),
      messagesReceived: messagesReceived.load(ordering: .relaxed), bytesReceived: bytesReceived.load(ordering: .relaxed),
      messagesSent: out.messages, bytesSent: out.bytes)
  }

  /// Whether somebody has ended it: what it asks from here on is dropped.
  package var isEnding: Bool { isClosed || dropsRest.load(ordering: .relaxed) }

  private var sent: (messages: UInt64, bytes: UInt64, queuedMessages: Int, queuedBytes: Int) {
    outbox.withLock { ($0.messagesWritten, $0.bytesWritten, $0.messages, $0.bytes) }
  }
}

extension Duration {
  /// Not below zero: coarse clocks are behind others.
  fileprivate static func since(_ start: Instant, _ now: Instant) -> Duration {
    .nanoseconds(max(0, now.nanoseconds &- start.nanoseconds))
  }
}
