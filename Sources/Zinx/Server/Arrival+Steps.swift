import CLinux
import Glibc
import Synchronization
import ZinxIO
import ZinxTLS
import ZinxWire

/// What stands in front of a connection: the header of a proxy, the handshake of TLS, the request of a WebSocket. Event loop only.
extension Arrival {
  /// Each step has a time of its own.
  func stepBegins() {
    if mayBeItsOwn { hasSpoken = false }
    switch life.step {
    case .proxyHeader, .webSocket:
      let limit = server.settings.frameTimeout.load(ordering: .relaxed)
      // Nothing else ends one that is no connection yet, so there is no "never".
      timeLimit = limit > 0 ? .nanoseconds(limit) : Self.longestStep
    case .tls: timeLimit = tls?.handshakeTimeout ?? Self.longestStep
    case .firstByte: timeLimit = firstByteTime
    case .login: timeLimit = loginTime
    case nil: return
    }
    setTimer(timeLimit.inNanoseconds)
  }

  /// As long as a peer has to authenticate otherwise.
  private var loginTime: Duration {
    let limit = endpoint.handler.authentication?.deadline ?? server.settings.frameTimeout.load(ordering: .relaxed)
    return limit > 0 ? .nanoseconds(limit) : Self.longestStep
  }

  /// Nobody waits for one of a proxy's own. One that may be a client's is not held up for long: the server may have the first word.
  private var firstByteTime: Duration { isItsOwn ? Self.longestStep : Self.momentOfUnknown }

  func shakeHands(_ bytes: UnsafeRawBufferPointer) {
    hasSpoken = true
    notice(bytes)
    if let session { return shakeHands(bytes, session) }
    guard firstRecord.take(bytes) else { return }
    guard let session = tls.flatMap({ TLSSession($0) }) else { return life.broke("there is no memory for a session") }
    self.session = session
    firstRecord.takeBytes().withUnsafeBytes { shakeHands($0, session) }
  }

  private func shakeHands(_ bytes: UnsafeRawBufferPointer, _ session: TLSSession) {
    switch session.handshake(bytes) {
    case .waits: break
    case .failed(let failure): life.failed(failure.reason)
    case .done:
      life.stepDone()
      guard life.step == .webSocket else { return }
      stepBegins()
      let rest = session.takeRest()
      if !rest.isEmpty { rest.withUnsafeBytes { open($0, session) } }
    }
  }

  // MARK: What stays in the socket until it is whole

  /// A header, or a request that is not in a session.
  var staysInSocket: Bool {
    life.step == .proxyHeader || life.step == .firstByte || life.step == .webSocket && session == nil
  }

  /// Looks at what has come. A header or a request, and nothing else, is taken out of the socket once it is whole: what follows is a
  /// session's, or the connection's.
  ///
  /// - Parameter isLast: nothing comes behind what is there.
  func peek(isLast: Bool) {
    let room = UnsafeMutableRawBufferPointer(rebasing: context.sealed.memory[..<ProxyHeader.longest])
    let count = retryingOnInterrupt { Glibc.recv(descriptor, room.baseAddress, room.count, Int32(MSG_PEEK)) }
    guard count > 0 else {
      if count == 0 { peerClosed() } else if !isTemporary(errno) { broke() }
      return
    }
    hasSpoken = true
    let bytes = UnsafeRawBufferPointer(rebasing: room[..<count])
    switch life.step {
    case .proxyHeader: readHeader(bytes, isLast: isLast)
    case .firstByte: life.stepDone()
    default: readRequest(bytes, isLast: isLast)
    }
  }

  private func readHeader(_ bytes: UnsafeRawBufferPointer, isLast: Bool) {
    switch ProxyHeader.read(bytes) {
    case .needsMore: if isLast { life.peerClosed() }
    case .refused(let fault):
      if fault == .otherProtocol { isStrange(bytes) }
      life.failed("\(fault)")
    case .header(let header): take(header, isLast: isLast)
    }
  }

  /// Takes so many bytes out of the socket, which are there. Returns false if they are not.
  private func consume(_ length: Int) -> Bool {
    let room = context.sealed.memory
    let count = retryingOnInterrupt { clinux_recv(descriptor, room.baseAddress, length) }
    if count != length { broke() }
    return count == length
  }

  private func take(_ header: ProxyHeader, isLast: Bool) {
    guard consume(header.length) else { return }
    let proxy = peer
    if let ends = header.ends { peer = SocketAddress(ends.source) }
    guard letIn() else { return }
    // HAProxy tells its own end of the connection in the first version where it means itself.
    (mayBeItsOwn, isItsOwn) = (header.owner != .client || peer == proxy, header.owner == .proxy)
    life.stepDone()
    if mayBeItsOwn { life.awaitFirstByte() }
    stepBegins()
    // No event tells of what has been there all the time.
    if staysInSocket { peek(isLast: isLast) }
  }

  /// The limits at the door, for whom a proxy tells of. Returns whether the peer is in.
  private func letIn() -> Bool {
    isTold = false
    if let reason = endpoint.refusal(of: peer) {
      refuse(reason)
      return false
    }
    let place = server.connManager.takePlace(for: peer)
    if case .none(let limit) = place {
      refuse(.maxConnPerIP, limit: limit)
      return false
    }
    isCounted = place == .taken
    return true
  }

  private func refuse(_ reason: RefusalReason, limit: Int? = nil) {
    server.refused(peer, reason, limit: limit, listener: endpoint.name)
    life.leave()
  }

  // MARK: The request to become a WebSocket

  /// Goes on with the request of a peer in a session.
  func open(_ sealed: UnsafeRawBufferPointer, _ session: TLSSession) {
    // Once for each connection, so the memory need not be kept.
    var room = [UInt8](repeating: 0, count: sealed.count + TLSSession.recordSize)
    let (count, end) = room.withUnsafeMutableBytes { session.open(sealed, into: $0) }
    if count > 0 { hasSpoken = true }
    request += room.prefix(count)
    // A copy, of which nothing is copied: what is read is forgotten on the way.
    let received = request
    if let end { ending = end }
    received.withUnsafeBytes { readRequest($0, isLast: end != nil) }
  }

  private func readRequest(_ bytes: UnsafeRawBufferPointer, isLast: Bool) {
    switch WebSocketRequest.read(bytes) {
    case .needsMore:
      isStrange(bytes)
      if isLast { peerClosed() }
    case .bad(let reason):
      isStrange(bytes)
      refuse(WebSocketRules.Refusal(400, "This is no request that is understood: \(reason)."), reason)
    case .request(let request): answer(request)
    }
  }

  private func answer(_ request: WebSocketRequest) {
    guard let rules else { return }
    if session == nil, !consume(request.length) { return }
    if isTold {
      if let client = endpoint.client(in: request.list("X-Forwarded-For")) { peer = SocketAddress(client) }
      guard letIn() else { return }
    }
    if let refusal = rules.refusal(of: request) { return refuse(refusal, "answered by \(refusal.status)") }
    let rest = session == nil ? [] : Array(self.request.dropFirst(request.length))
    self.request = []
    webSocket = WebSocket(request, subprotocol: rules.subprotocol(of: request), rest: rest, ending: ending)
    let logins = endpoint.handler.handshakeLogins
    if logins.isEmpty { accept(request) } else { logIn(request, by: logins) }
  }

  /// The client becomes a WebSocket.
  func accept(_ request: WebSocketRequest) {
    guard let rules else { return }
    say(rules.acceptance(of: request, sha1: sha1))
    life.stepDone()
  }

  func refuse(_ refusal: WebSocketRules.Refusal, _ reason: String) {
    say(WebSocketRules.answer(refusal))
    life.failed(reason)
  }

  private func say(_ bytes: [UInt8]) {
    guard let session else { return answer = bytes[...] }
    if bytes.withUnsafeBytes({ session.seal($0) }) != .done { broke() }
  }
}
