import CLinux
import Glibc
import Synchronization
import ZinxIO

/// Accepts connections from one listening socket and spreads them over the event loops. Lives on one loop.
///
/// Unchecked: touched on that loop's thread only, apart from what is constant.
final class Listener: ReadinessHandler, @unchecked Sendable {
  /// Connections accepted per wake-up, so that a flood of connects leaves time for those who are in.
  private static let burst = 64
  /// How long accepting rests when descriptors or memory have run out and no connection ends meanwhile.
  private static let pause: Int64 = 100_000_000

  let address: SocketAddress
  /// Closed at the end, never shut down: one that systemd passed lives on there.
  private let descriptor: Int32
  private let server: ServerContext
  private let contexts: [LoopContext]
  private var nextContext = 0
  private var nextID: UInt64
  private var isAccepting = false
  private var isExhausted = false
  private var isClosed = false
  private var pauseTimer: EventLoop.Timer?

  private var loop: EventLoop { contexts[0].loop }

  /// Takes ownership of a listening, non-blocking socket. `firstID` is the id of the first connection.
  init(_ descriptor: consuming Descriptor, _ server: ServerContext, _ contexts: [LoopContext], firstID: UInt64)
    throws(SystemError)
  {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout.size(ofValue: storage))
    let status = withUnsafeMutableBytes(of: &storage) {
      getsockname(descriptor.number, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, &length)
    }
    guard status == 0 else { throw SystemError("getsockname") }
    address = SocketAddress(storage)
    self.descriptor = descriptor.release()
    self.server = server
    self.contexts = contexts
    nextID = firstID
  }

  // MARK: From any thread

  /// Starts to accept; returns once it does.
  func start() async throws {
    try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
      loop.execute { done.resume(with: Result { try self.open() }) }
    }
  }

  /// Accepts what waits in the backlog, then closes the socket; returns once it is closed.
  func stop() async {
    await withCheckedContinuation { done in
      loop.execute {
        self.close()
        done.resume()
      }
    }
  }

  /// A place in `MaxConn` has become free, or the limit was raised.
  func placeFree() { loop.execute { self.resume() } }

  /// Connections accepted from here on are watched so.
  func setKeepAlive(_ keepAlive: KeepAlive) {
    loop.execute {
      // One that is not TCP has none of this.
      if !self.isClosed { try? ListeningSocket.set(keepAlive, of: self.descriptor) }
    }
  }

  // MARK: On the loop

  private func open() throws {
    try loop.register(descriptor, for: .readable, self)
    isAccepting = true
  }

  private func close() {
    guard !isClosed else { return }
    while !isClosed, acceptBurst() == Self.burst {}
    isClosed = true
    server.placeWaiters.withLock { $0.removeAll { $0 === self } }
    // A socket that systemd passed stays open there, and epoll would go on to report it.
    loop.deregister(descriptor)
    _ = Glibc.close(descriptor)
  }

  func ready(_ readiness: Readiness) { _ = acceptBurst() }

  /// Returns how many connections were taken from the backlog.
  private func acceptBurst() -> Int {
    for count in 0..<Self.burst where !acceptOne() { return count }
    return Self.burst
  }

  /// Returns false when there is nothing to accept, or no place.
  private func acceptOne() -> Bool {
    let hasPlace = server.admission.withLock { $0.enter() }
    if !hasPlace, !server.settings.rejectsOverload.load(ordering: .relaxed) { return waitForPlace() }
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout.size(ofValue: storage))
    let accepted = withUnsafeMutableBytes(of: &storage) { storage in
      retryingOnInterrupt {
        accept4(
          descriptor, storage.assumingMemoryBound(to: sockaddr.self).baseAddress, &length,
          Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
      }
    }
    guard accepted >= 0 else {
      let code = errno
      if hasPlace { _ = server.admission.withLock { $0.leave() } }
      return acceptFailed(code)
    }
    if isExhausted { endExhaustion() }
    if hasPlace { admit(accepted, SocketAddress(storage)) } else { refuse(accepted, SocketAddress(storage)) }
    return true
  }

  private func admit(_ accepted: Int32, _ peer: SocketAddress) {
    let context = contexts[nextContext]
    nextContext = (nextContext + 1) % contexts.count
    let connection = Connection(id: nextID, descriptor: accepted, remoteAddress: peer, server: server, context: context)
    nextID += 1
    server.added(connection)
    if context === contexts[0] { connection.begin() } else { context.loop.execute { connection.begin() } }
  }

  private func refuse(_ accepted: Int32, _ peer: SocketAddress) {
    _ = Glibc.close(accepted)
    server.counters.connectionsRefused.count()
    server.emit(.connectionRefused(peer, limit: server.admission.withLock { $0.limit }))
  }

  // MARK: Resting

  private func waitForPlace() -> Bool {
    rest()
    server.waitForPlace(self)
    // A place may have become free between the look and the line above.
    if server.admission.withLock({ $0.live < $0.limit }) { server.notifyPlaceWaiters() }
    return false
  }

  private func acceptFailed(_ code: Int32) -> Bool {
    switch code {
    case EMFILE, ENFILE, ENOBUFS, ENOMEM:
      if !isExhausted { server.emit(.acceptPaused(reason: SystemError("accept4", code: code).reason)) }
      isExhausted = true
      rest()
      server.waitForPlace(self)
      // One timer, though a connection that ends has us try again before it fires.
      if let pauseTimer { loop.cancel(pauseTimer) }
      pauseTimer = loop.schedule(at: loop.now.advanced(byNanoseconds: Self.pause)) { [weak self] in self?.resume() }
      return false
    // These connections failed before they were accepted (accept(2) names them); the next may be fine.
    case ECONNABORTED, EPERM, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH: return true
    default: return false
    }
  }

  private func endExhaustion() {
    isExhausted = false
    server.emit(.acceptResumed)
  }

  private func rest() {
    guard isAccepting, !isClosed else { return }
    isAccepting = false
    loop.change(descriptor, to: .nothing)
  }

  private func resume() {
    guard !isAccepting, !isClosed else { return }
    isAccepting = true
    loop.change(descriptor, to: .readable)
  }
}
