import CLinux
import Glibc
import Synchronization
import ZinxIO
import ZinxTLS
import ZinxWire

/// Owns an accepted socket until it is a connection: it has a place in `MaxConn` and a time limit, but no id and no hook, and is in no
/// table. Plain listeners have none.
///
/// Unchecked: touched on the thread of its loop only, after it was made.
final class Arrival: ReadinessHandler, @unchecked Sendable {
  /// Nanoseconds for a peer to read why it was refused.
  private static let partingTime: Int64 = 1_000_000_000
  /// Bytes that are read in one go: those of a handshake are fewer, and what follows is the connection's.
  private static let readSize = 16 << 10
  /// Bytes that a peer which was refused may still send until it closes.
  private static let partingSize = 1 << 20

  private let descriptor: Int32
  /// Whoever has connected; behind a proxy whom that tells of, once it has.
  private var peer: SocketAddress
  /// Its place in `MaxConnPerIP` is taken.
  private var isCounted: Bool
  private let server: ServerContext
  private let endpoint: EndpointContext
  private let context: LoopContext
  private let session: TLSSession?
  private let handshakeTimeout: Duration
  private var life: ArrivalLife
  private var interest = Readiness.nothing
  private var timer: EventLoop.Timer?
  private var timeLimit = Duration.zero
  private var dropped = 0
  private var hasSpoken = false

  private var loop: EventLoop { context.loop }

  /// Takes ownership of a non-blocking descriptor, and of its places. Nil, having taken nothing, without memory.
  init?(
    _ descriptor: Int32, _ peer: SocketAddress, isCounted: Bool, isProxied: Bool, _ server: ServerContext,
    _ endpoint: EndpointContext, _ tls: TLSContext?, _ context: LoopContext
  ) {
    let session = tls.flatMap { TLSSession($0) }
    if tls != nil, session == nil { return nil }
    self.descriptor = descriptor
    self.peer = peer
    self.isCounted = isCounted
    self.server = server
    self.endpoint = endpoint
    self.context = context
    self.session = session
    handshakeTimeout = tls?.handshakeTimeout ?? .zero
    life = ArrivalLife((isProxied ? [.proxyHeader] : []) + (tls != nil ? [.tls] : []))
  }

  /// The beginning, on its loop.
  func begin() {
    context.arrivals[descriptor] = self
    stepBegins()
    interest = wanted
    do { try loop.register(descriptor, for: interest, self) } catch { life.broke("\(error)") }
    advance()
  }

  func ready(_ readiness: Readiness) {
    if readiness.isReadable, life.reads { read(readiness) } else if readiness.isBroken { broke() }
    advance()
  }

  private func broke() { if isHealthCheck { life.leave() } else { life.broke("the connection was reset") } }

  /// Who comes to a listener behind proxies and goes without a byte looks whether somebody is there: load balancers do, all the time.
  private var isHealthCheck: Bool { life.step == .proxyHeader && !hasSpoken }

  /// The server drains.
  func drain() {
    life.drain()
    advance()
  }

  /// Each step has a time of its own.
  private func stepBegins() {
    switch life.step {
    case .proxyHeader: timeLimit = .nanoseconds(server.settings.frameTimeout.load(ordering: .relaxed))
    case .tls: timeLimit = handshakeTimeout
    case nil: return
    }
    setTimer(timeLimit.inNanoseconds)
  }

  /// Zero means never.
  private func setTimer(_ nanoseconds: Int64) {
    if let timer { loop.cancel(timer) }
    timer = nil
    guard nanoseconds > 0 else { return }
    timer = loop.schedule(at: Instant.now.advanced(byNanoseconds: nanoseconds)) { [weak self] in self?.timeIsUp() }
  }

  private func timeIsUp() {
    timer = nil
    life.timeIsUp(timeLimit)
    advance()
  }

  // MARK: Bytes

  private func read(_ readiness: Readiness) {
    if life.step == .proxyHeader { return readHeader(isLast: readiness.hasMore) }
    let room = UnsafeMutableRawBufferPointer(rebasing: context.sealed.memory[..<Self.readSize])
    let count = retryingOnInterrupt { clinux_recv(descriptor, room.baseAddress, room.count) }
    guard count > 0 else {
      if count == 0 { life.peerClosed() } else if !isTemporary(errno) { broke() }
      return
    }
    guard life.step == .tls, let session else { return drop(count) }
    switch session.handshake(UnsafeRawBufferPointer(rebasing: room[..<count])) {
    case .waits: break
    case .done: life.stepDone()
    case .failed(let failure): life.failed(failure.reason)
    }
  }

  // MARK: The header of a proxy

  /// Looks at what has come, and takes the header and nothing else out of the socket once it is whole: what follows is a session's, or the
  /// connection's.
  ///
  /// - Parameter isLast: nothing comes behind what is there.
  private func readHeader(isLast: Bool) {
    let room = UnsafeMutableRawBufferPointer(rebasing: context.sealed.memory[..<ProxyHeader.longest])
    let count = retryingOnInterrupt { Glibc.recv(descriptor, room.baseAddress, room.count, Int32(MSG_PEEK)) }
    guard count > 0 else {
      if count == 0 { life.leave() } else if !isTemporary(errno) { broke() }
      return
    }
    hasSpoken = true
    switch ProxyHeader.read(UnsafeRawBufferPointer(rebasing: room[..<count])) {
    case .needsMore: if isLast { life.peerClosed() }
    case .refused(let fault): life.failed("\(fault)")
    case .header(let header): take(header)
    }
  }

  private func take(_ header: ProxyHeader) {
    let room = context.sealed.memory
    let count = retryingOnInterrupt { clinux_recv(descriptor, room.baseAddress, header.length) }
    guard count == header.length else { return broke() }
    if let ends = header.ends { peer = SocketAddress(ends.source) }
    if let reason = endpoint.refusal(of: peer) { return refuse(reason) }
    let place = server.connManager.takePlace(for: peer)
    if case .none(let limit) = place { return refuse(.maxConnPerIP, limit: limit) }
    isCounted = place == .taken
    life.stepDone()
    stepBegins()
  }

  /// The limits at the door hold for whom the proxy tells of.
  private func refuse(_ reason: RefusalReason, limit: Int? = nil) {
    server.refused(peer, reason, limit: limit, listener: endpoint.name)
    life.leave()
  }

  // MARK: The end

  /// After a refusal. Whoever sends on and on is not waited for.
  private func drop(_ count: Int) {
    dropped += count
    if dropped > Self.partingSize { life.broke("it sends on") }
  }

  // MARK: What is to be done

  /// Returns whether the kernel has taken all that there was.
  private func send() -> Bool {
    let error = session?.sendOutput(on: descriptor) ?? 0
    if error != 0, !isTemporary(error) { broke() }
    return error == 0
  }

  private func advance() {
    let isFlushed = send()
    switch life.next(isFlushed: isFlushed) {
    case .wait: updateInterest()
    case .handOver: handOver()
    case .part:
      shutdown(descriptor, Int32(SHUT_WR))
      tell()
      setTimer(Self.partingTime)
      updateInterest()
    case .close: close()
    }
  }

  private var wanted: Readiness {
    // A header stays in the socket until it is whole: not to be told of what has been looked at already, and of the end behind it.
    if life.step == .proxyHeader {
      let readable = Readiness.readable.rawValue | Readiness.peerShut.rawValue
      return Readiness(rawValue: readable | Readiness.edgeTriggered.rawValue)
    }
    return Readiness(
      rawValue: (life.reads ? Readiness.readable.rawValue : 0)
        | (session?.output.isEmpty == false ? Readiness.writable.rawValue : 0))
  }

  private func updateInterest() {
    let wanted = wanted
    guard wanted != interest else { return }
    interest = wanted
    loop.change(descriptor, to: wanted)
  }

  private func leave() {
    if let timer { loop.cancel(timer) }
    timer = nil
    context.arrivals[descriptor] = nil
  }

  private func handOver() {
    leave()
    loop.deregister(descriptor)
    let connection = Connection(
      id: server.takeID(), descriptor: descriptor, remoteAddress: peer, server: server, endpoint: endpoint, context: context,
      session: session, at: loop.now)
    server.added(connection, isCounted: isCounted)
    connection.begin()
  }

  private var hasTold = false

  private func tell() {
    guard !hasTold, let failure = life.failure else { return }
    hasTold = true
    server.arrivalFailed(peer, failure, listener: endpoint.name)
  }

  private func close() {
    leave()
    loop.forget(descriptor)
    _ = Glibc.close(descriptor)
    tell()
    server.arrivalLeft(peer, endpoint, isCounted: isCounted)
  }
}
