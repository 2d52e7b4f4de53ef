import NIOCore
import ZinxIO
import ZinxWire

/// What a ``Client`` asks of its connection.
extension Connection {
  func send(_ id: UInt32, _ data: ByteBuffer) async throws(ClientError) {
    let frame = try sendable(id, data)
    try await wait { ticket, waiter in
      outbox.append(frame, ticket, sent: waiter)
      scheduleFlush()
    } onCancel: { connection, ticket in
      connection.outbox.giveUp(ticket).sent?.fail(.cancelled)
      connection.flush()
    }
  }

  func request(
    _ id: UInt32, _ data: ByteBuffer, replyID: UInt32, timeout: Duration
  ) async throws(ClientError) -> Message {
    let frame = try sendable(id, data)
    return try await wait { ticket, waiter in
      let timer = loop.schedule(at: .now.advanced(byNanoseconds: timeout.inNanoseconds)) { self.timeOut(ticket, timeout) }
      replies.expect(replyID, ticket, (waiter, timer))
      outbox.append(frame, ticket, sent: nil)
      scheduleFlush()
    } onCancel: { connection, ticket in
      connection.giveUp(ticket, .cancelled) { $0.replies.cancel(ticket) }
    }
  }

  /// The next message that answers no request; nil at an orderly end.
  func nextMessage() async throws(ClientError) -> Message? {
    try await wait { ticket, waiter in
      if let message = unread.popFirst() {
        updateInterest()
        waiter.succeed(message)
      } else if case .closed(let reason) = phase {
        if reason.isOrderly { waiter.succeed(nil) } else { waiter.fail(.closed(reason)) }
      } else {
        readers.append((ticket, waiter))
      }
    } onCancel: { connection, ticket in
      guard let index = connection.readers.firstIndex(where: { $0.ticket == ticket }) else { return }
      connection.readers.remove(at: index).waiter.fail(.cancelled)
    }
  }

  /// The frame of a message, if it may be sent now.
  private func sendable(_ id: UInt32, _ data: ByteBuffer) throws(ClientError) -> ByteBuffer {
    if Task.isCancelled { throw .cancelled }
    switch phase {
    case .open: break
    case .closed(let reason): throw .closed(reason)
    case .idle, .connecting, .closing: throw .closed(.closed)
    }
    // A buffer, which holds header and data, is at most that long.
    guard data.readableBytes <= Int(UInt32.max) - DataPack.headerLength else {
      throw .messageTooLarge(bytes: data.readableBytes)
    }
    do { return try configuration.framing.encoded(Message(id: id, data: data)) } catch {
      throw .cannotEncode(reason: error.description)
    }
  }

  private func timeOut(_ ticket: UInt64, _ timeout: Duration) {
    let error = isReadingPaused ? ClientError.unreadMessages(bytes: unread.bytes) : .timedOut(after: timeout)
    giveUp(ticket, error) { $0.replies.timeOut(ticket) }
  }

  /// Ends a request; `leave` decides what becomes of its reply if it has been sent.
  private func giveUp(_ ticket: UInt64, _ error: ClientError, _ leave: (isolated Connection) -> Reply?) {
    let isUnsent = outbox.giveUp(ticket).isWithdrawn
    guard let reply = isUnsent ? replies.withdraw(ticket) : leave(self) else { return }
    loop.cancel(reply.timer)
    reply.waiter.fail(error)
    flush()
  }
}
