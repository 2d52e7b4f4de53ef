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
  /// First bytes of a peer that does not speak TLS which are kept to tell what it speaks.
  private static let strangeSize = 2048

  private let descriptor: Int32
  private let peer: SocketAddress
  /// Its place in `MaxConnPerIP` is taken.
  private let isCounted: Bool
  private let server: ServerContext
  private let endpoint: EndpointContext
  private let context: LoopContext
  private let session: TLSSession
  private let timeLimit: Duration
  private var life: ArrivalLife
  private var interest = Readiness.nothing
  private var timer: EventLoop.Timer?
  private var dropped = 0
  /// What the peer began with, unless that was a record of TLS.
  private var strange: [UInt8] = []
  private var (isFirst, isStrange) = (true, false)

  private var loop: EventLoop { context.loop }

  /// Takes ownership of a non-blocking descriptor, and of its places. Nil, having taken nothing, without memory.
  init?(
    _ descriptor: Int32, _ peer: SocketAddress, isCounted: Bool, _ server: ServerContext, _ endpoint: EndpointContext,
    _ tls: TLSContext, _ context: LoopContext
  ) {
    guard let session = TLSSession(tls) else { return nil }
    self.descriptor = descriptor
    self.peer = peer
    self.isCounted = isCounted
    self.server = server
    self.endpoint = endpoint
    self.context = context
    self.session = session
    timeLimit = tls.handshakeTimeout
    life = ArrivalLife([.tls])
  }

  /// The beginning, on its loop.
  func begin() {
    context.arrivals[descriptor] = self
    setTimer(timeLimit.inNanoseconds)
    interest = wanted
    do { try loop.register(descriptor, for: interest, self) } catch { life.broke("\(error)") }
    advance()
  }

  func ready(_ readiness: Readiness) {
    if readiness.isReadable, life.reads { read() } else if readiness.isBroken { life.broke("the connection was reset") }
    advance()
  }

  /// The server drains.
  func drain() {
    life.drain()
    advance()
  }

  private func setTimer(_ nanoseconds: Int64) {
    if let timer { loop.cancel(timer) }
    timer = loop.schedule(at: loop.time.advanced(byNanoseconds: nanoseconds)) { [weak self] in self?.timeIsUp() }
  }

  private func timeIsUp() {
    timer = nil
    life.timeIsUp(timeLimit)
    advance()
  }

  // MARK: Bytes

  private func read() {
    let room = UnsafeMutableRawBufferPointer(rebasing: context.sealed.memory[..<Self.readSize])
    let count = retryingOnInterrupt { clinux_recv(descriptor, room.baseAddress, room.count) }
    guard count > 0 else {
      if count == 0 { life.peerClosed() } else if !isTemporary(errno) { life.broke("the connection was reset") }
      return
    }
    switch life.step {
    case .tls: shakeHands(UnsafeRawBufferPointer(rebasing: room[..<count]))
    case nil: drop(count)
    }
  }

  private func shakeHands(_ bytes: UnsafeRawBufferPointer) {
    // Its type is that of a handshake.
    if isFirst { isStrange = bytes.first != 0x16 }
    isFirst = false
    if isStrange { strange += bytes.prefix(Self.strangeSize - strange.count) }
    switch session.handshake(bytes) {
    case .waits: break
    case .done: life.stepDone()
    case .failed(let failure): life.failed(failure.reason)
    }
  }

  /// After a refusal. Whoever sends on and on is not waited for.
  private func drop(_ count: Int) {
    dropped += count
    if dropped > Self.partingSize { life.broke("it sends on") }
  }

  /// Returns whether the kernel has taken all that there was.
  private func send() -> Bool {
    let error = session.sendOutput(on: descriptor)
    if error != 0, !isTemporary(error) { life.broke("the connection was reset") }
    return error == 0
  }

  // MARK: What is to be done

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
    Readiness(
      rawValue: (life.reads ? Readiness.readable.rawValue : 0) | (session.output.isEmpty ? 0 : Readiness.writable.rawValue))
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
    server.arrivalFailed(peer, failure, looksLike: looksLike, listener: endpoint.name)
  }

  /// What a peer speaks in the place of TLS. Not asked where frames are not Zinx's: those may begin as anything does.
  private var looksLike: Lookalike? {
    guard !strange.isEmpty, endpoint.dataPack != nil else { return nil }
    return strange.withUnsafeBytes { bytes in
      Lookalike(
        firstBytes: bytes, listener: nil, maxPacketSize: endpoint.maxPacketSize.load(ordering: .relaxed),
        hasRoute: endpoint.handler.hasRoute)
    }
  }

  private func close() {
    leave()
    loop.forget(descriptor)
    _ = Glibc.close(descriptor)
    tell()
    server.arrivalLeft(peer, endpoint, isCounted: isCounted)
  }
}
