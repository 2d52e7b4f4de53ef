import CLinux
import Glibc
import Synchronization
import ZinxIO
import ZinxTLS
import ZinxWire

/// Owns an accepted socket until it is a connection: it has a place in `MaxConn` and a time limit, but no id and no hook, and is in no
/// table. Plain listeners have none. Its steps are in `Arrival+Steps.swift`.
///
/// Unchecked: touched on the thread of its loop only, after it was made.
final class Arrival: ReadinessHandler, @unchecked Sendable {
  /// Nanoseconds for a peer to read why it was refused.
  private static let partingTime: Int64 = 1_000_000_000
  /// Time for a step where FrameTimeout is off.
  static let longestStep = Duration.seconds(30)
  /// Time in which a health check goes by a proxy that cannot tell it from a client.
  static let momentOfUnknown = Duration.milliseconds(50)
  /// Bytes that are read in one go: those of a handshake are fewer, and what follows is the connection's.
  private static let readSize = 16 << 10
  /// Bytes that a peer which was refused may still send until it closes.
  private static let partingSize = 1 << 20
  /// First bytes of a peer that does not speak what is to come which are kept to tell what it speaks.
  private static let strangeSize = 2048

  let descriptor: Int32
  /// Whoever has connected; behind a proxy whom that tells of, once it has.
  var peer: SocketAddress
  /// Its place in `MaxConnPerIP` is taken.
  var isCounted: Bool
  let server: ServerContext
  let endpoint: EndpointContext
  let context: LoopContext
  /// What a session is made of, for one that comes by TLS.
  let tls: TLSContext?
  /// Made once there is something for it to do.
  var session: TLSSession?
  var firstRecord = FirstRecord()
  let rules: WebSocketRules?
  /// The peer is a proxy: the limits at the door are for whom it tells of.
  var isTold: Bool
  var webSocket: WebSocket?
  /// Plugins are asked whose connection it is.
  var login: Task<Void, Never>?
  /// What has come of a request out of a session.
  var request: [UInt8] = []
  /// What is to be sent outside of a session.
  var answer: ArraySlice<UInt8> = []
  var life: ArrivalLife
  private var interest = Readiness.nothing
  private var timer: EventLoop.Timer?
  var timeLimit = Duration.zero
  private var dropped = 0
  /// Bytes have come since the last step was begun that a health check may end in.
  var hasSpoken = false
  /// The proxy has said that it may be its own connection.
  var mayBeItsOwn = false
  /// It has said so for certain.
  var isItsOwn = false
  /// What came behind the request of a WebSocket out of a session: it does not say so again.
  var ending: TLSSession.End?
  /// What the peer began with in the place of what was to come.
  private var strange: [UInt8] = []
  private var (isFirst, isOther) = (true, false)
  /// It waits for its turn with the handshake, and is not asked about meanwhile.
  private var isQueued = false

  private var loop: EventLoop { context.loop }

  /// What is known of a socket when it is accepted, and what is to come before it is a connection.
  struct Before {
    let isCounted: Bool
    let isTold: Bool
    let isProxied: Bool
    let tls: TLSContext?
    let webSocket: WebSocketRules?

    var steps: [ArrivalLife.Step] {
      (isProxied ? [.proxyHeader] : []) + (tls != nil ? [.tls] : []) + (webSocket != nil ? [.webSocket] : [])
    }
  }

  /// Takes ownership of a non-blocking descriptor, and of its places.
  init(
    _ descriptor: Int32, _ peer: SocketAddress, _ before: Before, _ server: ServerContext, _ endpoint: EndpointContext,
    _ context: LoopContext
  ) {
    self.descriptor = descriptor
    self.peer = peer
    (isCounted, isTold, rules) = (before.isCounted, before.isTold, before.webSocket)
    self.server = server
    self.endpoint = endpoint
    self.context = context
    tls = before.tls
    life = ArrivalLife(before.steps)
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
    if life.step == .tls, readiness.isReadable, !readiness.isBroken { return waitForTurn() }
    if readiness.isReadable, life.reads { read(readiness) } else if readiness.isBroken { broke() }
    advance()
  }

  /// A step of a handshake costs as much as hundreds of messages, so those who have one to make take turns.
  private func waitForTurn() {
    guard !isQueued else { return }
    isQueued = true
    context.scheduleHandshake(self)
    updateInterest()
  }

  /// Its turn has come. It may be over meanwhile.
  func takeTurn() {
    isQueued = false
    guard life.step == .tls else { return }
    read(.readable)
    advance()
  }

  func broke() { if isHealthCheck { life.leave() } else { life.broke("the connection was reset") } }

  /// The end of the peer's stream.
  func peerClosed() { if isHealthCheck { life.leave() } else { life.peerClosed() } }

  /// A proxy that goes without a byte, or with nothing but the word that the connection is its own, looks whether somebody is there:
  /// load balancers do, all the time. One of several steps may be done by then.
  var isHealthCheck: Bool { !hasSpoken && (life.step == .proxyHeader || isTold || mayBeItsOwn) }

  /// The server drains.
  func drain() {
    life.drain()
    advance()
  }

  /// Zero means never.
  func setTimer(_ nanoseconds: Int64) {
    if let timer { loop.cancel(timer) }
    timer = nil
    guard nanoseconds > 0 else { return }
    timer = loop.schedule(at: loop.time.advanced(byNanoseconds: nanoseconds)) { [weak self] in self?.timeIsUp() }
  }

  private func timeIsUp() {
    timer = nil
    life.timeIsUp(timeLimit)
    advance()
  }

  // MARK: Bytes

  private func read(_ readiness: Readiness) {
    if staysInSocket { return peek(isLast: readiness.hasMore) }
    let room = UnsafeMutableRawBufferPointer(rebasing: context.sealed.memory[..<Self.readSize])
    let count = retryingOnInterrupt { clinux_recv(descriptor, room.baseAddress, room.count) }
    guard count > 0 else {
      if count == 0 { peerClosed() } else if !isTemporary(errno) { broke() }
      return
    }
    let bytes = UnsafeRawBufferPointer(rebasing: room[..<count])
    switch life.step {
    case .tls: shakeHands(bytes)
    case .webSocket: if let session { open(bytes, session) }
    case .proxyHeader, .firstByte, .login, nil: drop(count)
    }
  }

  /// Keeps the first bytes of a peer that speaks something else, from the very first on.
  func isStrange(_ bytes: UnsafeRawBufferPointer) { strange = Array(bytes.prefix(Self.strangeSize)) }

  /// Keeps those of one that does not speak TLS, which come in pieces.
  func notice(_ bytes: UnsafeRawBufferPointer) {
    // Its type is that of a handshake.
    if isFirst { isOther = bytes.first != 0x16 }
    isFirst = false
    if isOther { strange += bytes.prefix(Self.strangeSize - strange.count) }
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
    let error = session?.sendOutput(on: descriptor) ?? sendAnswer()
    if error != 0, !isTemporary(error) { broke() }
    return error == 0
  }

  /// Returns `errno`, 0 if all was taken.
  private func sendAnswer() -> Int32 {
    while !answer.isEmpty {
      let count = answer.withUnsafeBytes { bytes in
        retryingOnInterrupt { clinux_send(descriptor, bytes.baseAddress, bytes.count) }
      }
      guard count >= 0 else { return errno }
      answer = answer.dropFirst(count)
    }
    return 0
  }

  func advance() {
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
    if staysInSocket {
      let readable = Readiness.readable.rawValue | Readiness.peerShut.rawValue
      return Readiness(rawValue: readable | Readiness.edgeTriggered.rawValue)
    }
    return Readiness(
      rawValue: (life.reads && !isQueued ? Readiness.readable.rawValue : 0)
        | (session?.output.isEmpty == false || !answer.isEmpty ? Readiness.writable.rawValue : 0))
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
    login?.cancel()
    login = nil
    context.arrivals[descriptor] = nil
  }

  private func handOver() {
    leave()
    loop.deregister(descriptor)
    let connection = Connection(
      id: server.takeID(), descriptor: descriptor, remoteAddress: peer, server: server, endpoint: endpoint, context: context,
      session: session, webSocket: webSocket, at: loop.now)
    server.added(connection, isCounted: isCounted)
    connection.bindFromHandshake()
    connection.begin()
  }

  private var hasTold = false

  private func tell() {
    guard !hasTold, let failure = life.failure else { return }
    hasTold = true
    server.arrivalFailed(peer, failure, looksLike: looksLike, listener: endpoint.name)
  }

  /// What a peer speaks in the place of what was to come. Not asked where frames are not Zinx's: those may begin as anything does.
  private var looksLike: Lookalike? {
    guard !strange.isEmpty, endpoint.dataPack != nil else { return nil }
    let found = strange.withUnsafeBytes { bytes in
      Lookalike(
        firstBytes: bytes, listener: nil, maxPacketSize: endpoint.maxPacketSize.load(ordering: .relaxed),
        hasRoute: endpoint.handler.hasRoute)
    }
    // A request of that kind was in order as far as it came.
    return found == .webSocket && life.failure?.reason == .webSocketProtocol ? nil : found
  }

  private func close() {
    leave()
    loop.forget(descriptor)
    _ = Glibc.close(descriptor)
    tell()
    server.arrivalLeft(peer, endpoint, isCounted: isCounted)
  }
}
