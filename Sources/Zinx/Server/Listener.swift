import CLinux
import Glibc
import Synchronization
import ZinxIO
import ZinxTLS

/// Accepts connections from one listening socket and spreads them over the event loops. Lives on one loop.
///
/// Unchecked: touched on that loop's thread only, apart from what is constant.
final class Listener: ReadinessHandler, @unchecked Sendable {
  /// How long accepting rests when it fails for all, as without descriptors or memory, and no connection ends meanwhile.
  private static let pause: Int64 = 100_000_000
  /// Time between two words on `AcceptRate`.
  private static let rateSilence: Int64 = 10_000_000_000
  /// Bursts at the end: more than any backlog holds, so that a flood of connects does not put the end off for ever.
  private static let lastBursts = 1024

  let address: SocketAddress
  /// As an operator writes it.
  let name: String
  /// The file of a UNIX socket that we opened; it goes with the listener.
  private let file: SocketFile?
  /// What connections that come in from now on are told. On the loop.
  @exclusivity(unchecked) private var endpoint: EndpointContext
  /// Closed at the end, never shut down: one that systemd passed lives on there.
  private let descriptor: Int32
  private let server: ServerContext
  private let gate: Gate
  private let contexts: [LoopContext]
  /// The listener's own, that of the first context.
  private let loop: EventLoop
  @exclusivity(unchecked) private var nextContext = 0
  @exclusivity(unchecked) private var isAccepting = false
  @exclusivity(unchecked) private var isRegistered = false
  @exclusivity(unchecked) private var burst = AcceptBurst()
  @exclusivity(unchecked) private var isExhausted = false
  @exclusivity(unchecked) private var failuresInARow = 0
  /// When it is next worth telling that `AcceptRate` is reached.
  private var tellsRateAgain = Instant(nanoseconds: 0)
  @exclusivity(unchecked) private var isClosing = false
  @exclusivity(unchecked) private var isClosed = false
  private var pauseTimer: EventLoop.Timer?

  /// Takes ownership of a listening, non-blocking socket.
  init(
    _ descriptor: consuming Descriptor, _ file: SocketFile?, _ endpoint: EndpointContext, _ server: ServerContext,
    _ contexts: [LoopContext]
  ) throws(SystemError) {
    address = try SocketAddress(of: descriptor.number)
    name = localName(of: descriptor.number) ?? "\(address)"
    self.file = file
    self.endpoint = endpoint
    self.descriptor = descriptor.release()
    self.server = server
    gate = server.gate
    self.contexts = contexts
    loop = contexts[0].loop
  }

  // MARK: From any thread

  /// Starts to accept; returns once it does.
  func start() async throws {
    try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
      loop.execute { done.resume(with: Result { try self.open() }) }
    }
  }

  /// What is written down of its socket. Any thread.
  var state: (descriptor: Int32, path: String) { (descriptor, file?.path ?? "") }

  /// Accepts what waits in the backlog, then closes the socket; returns once it is closed.
  func stop() async {
    await onLoop { self.close() }
  }

  /// A place in `MaxConn` has become free, or the limit was raised.
  func placeFree() { loop.execute { self.resume() } }

  /// The server is suspended: epoll need not tell of those who come. ``placeFree()`` is due when it goes on.
  func suspend() {
    // It may go on by now: who suspends and who resumes are two threads.
    loop.execute { if self.isSuspended { self.rest() } }
  }

  /// Leaves the epoll set to another program, until ``placeFree()``: a socket that others hold too would stay there when that closes it.
  /// On the loop.
  func leaveSet() {
    rest()
    guard isRegistered, !isClosed else { return }
    isRegistered = false
    loop.deregister(descriptor)
  }

  /// Connections accepted from here on are watched so.
  func setKeepAlive(_ keepAlive: KeepAlive) {
    loop.execute {
      // One that is not TCP has none of this.
      if !self.isClosed { try? ListeningSocket.set(keepAlive, of: self.descriptor) }
    }
  }

  /// Connections accepted from here on belong to this endpoint. A socket that others opened stays as they made it.
  func use(_ context: EndpointContext, _ endpoint: Endpoint, isPassed: Bool) async {
    await onLoop {
      self.endpoint = context
      guard !isPassed, !self.isClosed else { return }
      listen(self.descriptor, Int32(clamping: endpoint.backlog))
      self.file?.set(mode: endpoint.mode)
    }
  }

  /// Lets a socket of ours that takes its place listen beside it, or no more.
  func share(_ isShared: Bool) async {
    await onLoop { if !self.isClosed { try? ListeningSocket.share(isShared, self.descriptor) } }
  }

  private func onLoop(_ work: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { done in
      loop.execute {
        work()
        done.resume()
      }
    }
  }

  // MARK: On the loop

  private func open() throws {
    isAccepting = !isSuspended
    try register()
  }

  private func register() throws(SystemError) {
    try loop.register(descriptor, for: isAccepting ? .readable : .nothing, self)
    isRegistered = true
  }

  private func close() {
    guard !isClosed else { return }
    isClosing = true
    // First, so that nobody comes to a socket that is about to go.
    file?.remove()
    for _ in 0..<Self.lastBursts where accept(upTo: AcceptBurst.largest) < AcceptBurst.largest { break }
    release()
  }

  /// Another process that has a passed socket too has shut it down. Epoll would report that for as long as the socket is there, whatever
  /// is asked of it.
  private func lost() {
    guard !isClosed else { return }
    file?.remove()
    release()
    server.emit(.listenerLost(name, listener: endpoint.name))
  }

  private func release() {
    isClosed = true
    server.placeWaiters.withLock { $0.removeAll { $0 === self } }
    // A socket that systemd passed stays open there, and epoll would go on to report it.
    loop.deregister(descriptor)
    _ = Glibc.close(descriptor)
  }

  func ready(_ readiness: Readiness) {
    guard !readiness.isBroken else { return lost() }
    if isSuspended { return rest() }
    // Somebody waits, so there is somebody whom the rate keeps waiting.
    if let opening = gate.opening(at: loop.now) { return waitForRate(until: opening) }
    burst.ended(after: accept(upTo: burst.size))
  }

  /// Returns how many connections were taken from the backlog.
  private func accept(upTo most: Int) -> Int {
    for count in 0..<most where !acceptOne() { return count }
    return most
  }

  /// Returns false when there is nothing to accept, or no place, or it is too early.
  private func acceptOne() -> Bool {
    // The word of an operator holds from when it is given, also in the middle of a burst.
    if isSuspended, !isClosing { return false }
    // Whether anybody is left to wait shows at the next wake-up. At the end there is no later.
    if gate.opening(at: loop.now) != nil, !isClosing { return false }
    let lack = takePlace()
    if lack != nil, !server.settings.rejectsOverload.load(ordering: .relaxed) { return waitForPlace() }
    var storage = sockaddr_storage()
    let accepted = server.accept(descriptor, &storage)
    guard accepted >= 0 else {
      if lack == nil { givePlaceBack() }
      return acceptFailed(-accepted)
    }
    failuresInARow = 0
    if isExhausted { endExhaustion() }
    let isIn = admit(accepted, SocketAddress(storage, of: accepted), lack)
    if lack == nil, !isIn { givePlaceBack() }
    return true
  }

  /// Takes a place in both `MaxConn`, or says which of them has none.
  private func takePlace() -> RefusalReason? {
    guard endpoint.places.enter() else { return .listenerMaxConn }
    if server.admission.withLock({ $0.enter() }) { return nil }
    endpoint.places.leave()
    return .maxConn
  }

  private func givePlaceBack() {
    endpoint.places.leave()
    _ = server.admission.withLock { $0.leave() }
  }

  /// Returns whether the connection is in; otherwise it is closed. `lack`: the limit that leaves it no place.
  private func admit(_ accepted: Int32, _ peer: SocketAddress, _ lack: RefusalReason?) -> Bool {
    let isProxied = endpoint.expectsProxyHeader
    var isTold = isProxied
    if isProxied {
      guard endpoint.trusts(peer) else { return distrust(accepted, peer) }
    } else if endpoint.webSocketRules != nil, endpoint.trusts(peer) {
      isTold = true
    } else if let reason = endpoint.refusal(of: peer) {
      return refuse(accepted, peer, reason, limit: nil)
    }
    if let lack {
      let limit = lack == .maxConn ? server.admission.withLock { $0.limit } : endpoint.places.limit
      return refuse(accepted, peer, lack, limit: limit)
    }
    // Of a proxy that of its client is taken, once it is told.
    let sourcePlace = isTold ? .notNeeded : server.connManager.takePlace(for: peer)
    if case .none(let limit) = sourcePlace { return refuse(accepted, peer, .maxConnPerIP, limit: limit) }
    gate.passed(at: loop.now)
    begin(accepted, peer, isCounted: sourcePlace == .taken, isProxied: isProxied, isTold: isTold)
    return true
  }

  /// Closes without a word: a flood of these must cost less than serving, so no socket is set up and no text is made here.
  private func refuse(_ accepted: Int32, _ peer: SocketAddress, _ reason: RefusalReason, limit: Int?) -> Bool {
    // Counted first: who sees that it was refused finds the count.
    server.refused(peer, reason, limit: limit, listener: endpoint.name)
    _ = Glibc.close(accepted)
    return false
  }

  /// The same for one that may not say on whose behalf it comes.
  private func distrust(_ accepted: Int32, _ peer: SocketAddress) -> Bool {
    let failure = ArrivalLife.Failure(reason: .proxyHeader, detail: "its address is not in TrustedProxies")
    server.arrivalFailed(peer, failure, looksLike: nil, listener: endpoint.name)
    _ = Glibc.close(accepted)
    return false
  }

  /// - Parameter isTold: the peer is a proxy, which tells whose connection it is.
  private func begin(_ accepted: Int32, _ peer: SocketAddress, isCounted: Bool, isProxied: Bool, isTold: Bool) {
    let context = contexts[nextContext]
    nextContext = (nextContext + 1) % contexts.count
    if isProxied || endpoint.tls != nil || endpoint.webSocketRules != nil {
      let before = Arrival.Before(
        isCounted: isCounted, isTold: isTold, isProxied: isProxied, tls: endpoint.tls?.context, webSocket: endpoint.webSocketRules
      )
      return receive(accepted, peer, before, context)
    }
    let connection = Connection(
      id: server.takeID(), descriptor: accepted, remoteAddress: peer, server: server, endpoint: endpoint, context: context,
      at: loop.now)
    server.added(connection, isCounted: isCounted)
    if context === contexts[0] { connection.begin() } else { context.loop.execute { connection.begin() } }
  }

  /// The header of a proxy or a handshake comes first.
  private func receive(_ accepted: Int32, _ peer: SocketAddress, _ before: Arrival.Before, _ context: LoopContext) {
    let begin: @Sendable () -> Void = { [server, endpoint] in Arrival(accepted, peer, before, server, endpoint, context).begin() }
    if context === contexts[0] { begin() } else { context.loop.execute(begin) }
  }

  // MARK: Resting

  private func waitForPlace() -> Bool {
    rest()
    server.waitForPlace(self)
    // A place may have become free between the look and the line above.
    if endpoint.places.hasRoom, server.admission.withLock({ $0.live < $0.limit }) { server.notifyPlaceWaiters() }
    return false
  }

  /// Returns whether to try the next.
  private func acceptFailed(_ code: Int32) -> Bool {
    switch AcceptOutcome(errno: code) {
    case .empty:
      failuresInARow = 0
      return false
    case .next where failuresInARow + 1 < AcceptBurst.largest:
      failuresInARow += 1
      return true
    // So many in a row are not what they seem: a security module, for one, refuses the call and leaves the connection where it is.
    case .next, .rest:
      pause(because: code)
      return false
    }
  }

  private func pause(because code: Int32) {
    failuresInARow = 0
    server.counters.acceptPauses.count()
    if !isExhausted { server.emit(.acceptPaused(reason: SystemError("accept4", code: code).reason)) }
    isExhausted = true
    server.waitForPlace(self)
    rest(until: loop.now.advanced(byNanoseconds: Self.pause))
  }

  private func waitForRate(until opening: Instant) {
    server.counters.acceptRatePauses.count()
    if loop.now >= tellsRateAgain {
      tellsRateAgain = loop.now.advanced(byNanoseconds: Self.rateSilence)
      server.emit(.acceptRateReached(perSecond: gate.rate))
    }
    rest(until: opening)
  }

  private func endExhaustion() {
    isExhausted = false
    server.emit(.acceptResumed)
  }

  /// Rests until then, or until a place becomes free.
  private func rest(until deadline: Instant) {
    rest()
    // One timer, though a connection that ends has us try again before it fires.
    if let pauseTimer { loop.cancel(pauseTimer) }
    pauseTimer = loop.schedule(at: deadline) { [weak self] in self?.resume() }
  }

  private func rest() {
    guard isAccepting, !isClosed else { return }
    isAccepting = false
    loop.change(descriptor, to: .nothing)
  }

  private var isSuspended: Bool {
    server.isSuspended.load(ordering: .sequentiallyConsistent) || server.isHandingOver.load(ordering: .sequentiallyConsistent)
  }

  private func resume() {
    guard !isAccepting, !isClosed, !isSuspended else { return }
    isAccepting = true
    if isRegistered { return loop.change(descriptor, to: .readable) }
    do { try register() } catch {
      // The kernel is short of memory: again in a while.
      isAccepting = false
      rest(until: loop.now.advanced(byNanoseconds: Self.pause))
    }
  }
}
