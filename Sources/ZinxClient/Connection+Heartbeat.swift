import NIOCore
import ZinxIO
import ZinxWire

/// Signs of life, with one timer that is set only where a time is configured.
extension Connection {
  /// Sets the timer for what comes next. A read or a write that puts it off does not touch the timer: that is found out when it fires.
  func armHeartbeat() {
    let deadline = heartbeat.deadline
    guard case .open = phase, deadline < .distantFuture else { return }
    heartbeatTimer = loop.schedule(at: deadline) { self.heartbeatIsDue() }
  }

  func cancelHeartbeat() {
    if let heartbeatTimer { loop.cancel(heartbeatTimer) }
    heartbeatTimer = nil
  }

  private func heartbeatIsDue() {
    heartbeatTimer = nil
    // The process may have been stopped: what has come meanwhile has not been read. While messages are not taken, we are who is late.
    if isReadingPaused { heartbeat.received(at: .now) } else { receive() }
    guard case .open = phase else { return }
    switch heartbeat.act(at: .now) {
    case .wait: break
    case .beat: post(ByteBuffer())
    case .giveUp: return finish(.heartbeatLost)
    }
    armHeartbeat()
  }

  /// Takes a message that answers no request. Returns whether it is a heartbeat that nobody else is to see.
  func takeHeartbeat(_ message: Message) -> Bool {
    guard let settings = configuration.heartbeat, message.id == settings.id else { return false }
    if !isClosing, heartbeat.heartbeatCame(at: .now) { post(message.data) }
    return !settings.isDelivered
  }

  /// Sends a heartbeat, unless something waits for the server already: that says the same.
  private func post(_ data: ByteBuffer) {
    guard outbox.isEmpty, let id = configuration.heartbeat?.id else { return }
    guard let frame = try? configuration.framing.encoded(Message(id: id, data: data)) else { return }
    outbox.append(frame, takeTicket(), sent: nil)
    scheduleFlush()
  }
}
