import Glibc
import NIOCore
import Synchronization
import ZinxIO
import ZinxWire

/// How a connection comes and goes.
extension Connection {
  /// Nanoseconds until a full backlog is tried again.
  private static let pause: Int64 = 10_000_000

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
    let tunnel: Tunnel?
    do throws(HandshakeFault) { tunnel = try transport.tunnel() } catch { return failToShake(error) }
    let socket = try StreamSocket(family: address.family, tunnel)
    let limit = Instant.now.advanced(byNanoseconds: time.inNanoseconds)
    try connect(socket, address, until: limit)
    deadline = loop.schedule(at: limit) { self.connectingTakesTooLong(time) }
  }

  private func connect(_ socket: StreamSocket, _ address: PeerAddress, until limit: Instant) throws(SystemError) {
    do throws(SystemError) { try socket.connect(to: address) } catch {
      guard error.code == EAGAIN, address.family == AF_UNIX, .now < limit else { throw error }
      // The backlog is full, of which a UNIX socket says no more than that (connect(2)).
      loop.schedule(at: .now.advanced(byNanoseconds: Self.pause)) { self.connectAgain(socket, address, until: limit) }
      return
    }
    // Only after connect(2): a socket that is not connecting counts as hung up.
    try loop.register(socket.number, for: .writable, self)
    self.socket = socket
  }

  private func connectAgain(_ socket: StreamSocket, _ address: PeerAddress, until limit: Instant) {
    guard case .connecting = phase else { return }
    do throws(SystemError) { try connect(socket, address, until: limit) } catch { failToConnect(error) }
  }

  private func connectingTakesTooLong(_ time: Duration) {
    guard let tunnel = socket?.tunnel, isReached else { return failToConnect(.timedOut(after: time)) }
    failToShake(.silence(during: tunnel.stage))
  }

  /// The socket has connected, or the handshake may go on.
  func goOnConnecting() {
    guard case .connecting = phase, let socket else { return }
    if !isReached {
      if let error = socket.connectError { return failToConnect(error) }
      isReached = true
      _ = socket.tunnel?.start()
    }
    guard let tunnel = socket.tunnel else { return finishConnecting() }
    switch tunnel.shake(on: socket.number, into: &inbound.buffer) {
    case .waits(let readiness): wait(for: readiness)
    case .done: finishConnecting()
    case .failed(let fault): failToShake(fault)
    case .broken(let error): failToConnect(error)
    }
  }

  private func failToShake(_ fault: HandshakeFault) {
    guard case .connecting(_, let address) = phase else { return }
    failToConnect(.handshakeFailed(endpoint: address.description, fault))
  }

  private func finishConnecting() {
    guard case .connecting(let waiter, _) = phase else { return }
    cancelDeadline()
    phase = .open
    updateInterest()
    heartbeat = HeartbeatLife(configuration.heartbeat, at: loop.now)
    armHeartbeat()
    waiter.succeed(())
    // What came with the end of the handshake.
    if inbound.buffer.readableBytes > 0 { decode() }
    if let end = socket?.tunnel?.end { tunnelHasEnded(end) }
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
  func abandon() { finish(goodbye ?? .abandoned) }

  /// The tunnel has heard the last of the server.
  func tunnelHasEnded(_ end: Tunnel.End) {
    switch end {
    case .refused(let fault), .broken(let fault): finish(.tlsFailed(fault))
    case .badFrame(let fault): finish(.badFrame(fault.description))
    case .closed: if let socket { streamHasEnded(socket) }
    case .webSocketClosed(let code): takeLeave(reason(of: code))
    }
  }

  private func reason(of code: UInt16?) -> Client.CloseReason {
    switch code {
    case nil, 1000: inbound.buffer.readableBytes > 0 ? .truncated : isClosing ? .closed : .closedByPeer
    case 1001: isClosing ? .closed : .draining
    case let code?: .webSocketClosed(code: code)
    }
  }

  /// Answers the last word, and waits for the server to close: what is closed before is reset, and the answer may be lost.
  private func takeLeave(_ reason: Client.CloseReason) {
    guard goodbye == nil, socket != nil else { return }
    goodbye = reason
    socket?.isDiscarding = true
    dismissWaiters(reason)
    state.withLock { $0 = .closed(reason) }
    phase = .closing
    cancelHeartbeat()
    cancelDeadline()
    let limit = Instant.now.advanced(byNanoseconds: configuration.closeTimeout.inNanoseconds)
    deadline = loop.schedule(at: limit) { self.finish(reason) }
    flush()
  }

  /// The end: everybody who waits learns it. Messages received before can still be taken.
  func finish(_ reason: Client.CloseReason) {
    if case .closed = phase { return }
    phase = .closed(reason)
    state.withLock { $0 = .closed(reason) }
    cancelDeadline()
    cancelHeartbeat()
    if let socket {
      loop.forget(socket.number)
      socket.sayFarewell(reason)
    }
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
