import Synchronization
import ZinxIO

/// How a connection comes and goes.
extension Connection {
  var isClosing: Bool { if case .closing = phase { true } else { false } }

  // MARK: Connecting

  /// Connects, once in the life of a connection.
  func open(_ address: PeerAddress, within time: Duration) async throws(ClientError) {
    try await wait { _, waiter in
      phase = .connecting(waiter, address)
      do throws(SystemError) { try startConnecting(address, within: time) } catch { failToConnect(error) }
    } onCancel: { connection, _ in
      connection.failToConnect(.cancelled)
    }
  }

  private func startConnecting(_ address: PeerAddress, within time: Duration) throws(SystemError) {
    let socket = try StreamSocket(family: address.family)
    try socket.connect(to: address)
    // Only after connect(2): a socket that is not connecting counts as hung up.
    try loop.register(socket.number, for: .writable, self)
    self.socket = socket
    deadline = loop.schedule(at: .now.advanced(byNanoseconds: time.inNanoseconds)) { self.failToConnect(.timedOut(after: time)) }
  }

  func finishConnecting() {
    guard case .connecting(let waiter, _) = phase, let socket else { return }
    if let error = socket.connectError { return failToConnect(error) }
    cancelDeadline()
    phase = .open
    updateInterest()
    heartbeat = HeartbeatLife(configuration.heartbeat, at: loop.now)
    armHeartbeat()
    waiter.succeed(())
  }

  private func failToConnect(_ error: SystemError) {
    guard case .connecting(_, let address) = phase else { return }
    failToConnect(.connectionFailed(endpoint: address.description, reason: error.reason))
  }

  private func failToConnect(_ error: ClientError) {
    guard case .connecting(let waiter, _) = phase else { return }
    finish(.abandoned)
    waiter.fail(error)
  }

  // MARK: Closing

  /// Sends what is queued, shuts our side, and waits for the peer to close, which a cancelled caller does not.
  func close() async {
    if Task.isCancelled { return abandon() }
    // The waiter is never failed.
    try? await wait { _, waiter in
      if case .closed = phase { return waiter.succeed(()) }
      closers.append(waiter)
      startClosing()
    } onCancel: { connection, _ in
      connection.abandon()
    }
  }

  private func startClosing() {
    guard case .open = phase else { return }
    phase = .closing
    cancelHeartbeat()
    state.withLock { $0 = .closing }
    let limit = Instant.now.advanced(byNanoseconds: configuration.closeTimeout.inNanoseconds)
    deadline = loop.schedule(at: limit) { self.abandon() }
    flush()
  }

  /// Closes at once.
  func abandon() { finish(.abandoned) }

  /// The end: everybody who waits learns it. Messages received before can still be taken.
  func finish(_ reason: Client.CloseReason) {
    if case .closed = phase { return }
    phase = .closed(reason)
    state.withLock { $0 = .closed(reason) }
    cancelDeadline()
    cancelHeartbeat()
    if let socket { loop.forget(socket.number) }
    socket = nil
    dismissWaiters(reason)
  }

  private func dismissWaiters(_ reason: Client.CloseReason) {
    for waiter in outbox.removeAll() { waiter.fail(.closed(reason)) }
    for reply in replies.removeAll() {
      loop.cancel(reply.timer)
      reply.waiter.fail(.closed(reason))
    }
    for reader in readers {
      if reason.isOrderly { reader.waiter.succeed(nil) } else { reader.waiter.fail(.closed(reason)) }
    }
    readers.removeAll()
    for closer in closers { closer.succeed(()) }
    closers = []
  }

  private func cancelDeadline() {
    if let deadline { loop.cancel(deadline) }
    deadline = nil
  }
}
