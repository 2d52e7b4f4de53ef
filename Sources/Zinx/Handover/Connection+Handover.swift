import Glibc
import Logging
import NIOCore
import Synchronization
import ZinxIO
import ZinxTLS
import ZinxWire

/// A connection passes from one program to the next: it is held, written down, and made anew from that. What says nothing else is for its
/// event loop, or for who has stopped that.
extension Connection {
  /// Why another program cannot have it; nil if it can. Any thread.
  var handoverObstacle: String? {
    if session != nil { return "TLS" }
    guard let properties = properties.withLock({ $0 }) else { return nil }
    for (key, value) in properties where !isOurs(key) && server.lasting.state(key, value) == nil {
      return "a property of type \(type(of: value)) that is not written down"
    }
    if let deadline = self[ConnectionDeadline.Key.self]?.ends, deadline.due < .distantFuture, !deadline.alone {
      return "a deadline with code"
    }
    return nil
  }

  /// Ends as in a drain, for what another program cannot have. Any thread.
  func endForHandover(_ obstacle: String) {
    self[CloseText.self] = obstacle
    loop.execute { self.end(.handover, handlingRest: true) }
  }

  /// Begins nothing more.
  func hold() { life.hold() }

  /// Whether user code of it runs.
  var isAtWork: Bool {
    settle()
    return life.runsUserCode
  }

  /// All is said and sent: it waits for the end of the peer, and any program can do that.
  var hasParted: Bool {
    guard life.isLingering, webSocket?.farewell.map(\.isEmpty) ?? (webSocket == nil) else { return false }
    return outbox.withLock { _ in session?.output.isEmpty ?? true }
  }

  /// Its handler has had its time: whoever goes on with the connection ends it.
  func giveUpHandler() {
    life.end(.handover, handlingRest: false)
    dropsRest.store(true, ordering: .relaxed)
    stopReason.store(UInt8(truncatingIfNeeded: CloseReason.handover.rawValue), ordering: .relaxed)
    cancelUserCode()
  }

  /// Goes on in this program.
  func release() {
    life.release()
    outbox.withLock { $0.hold(false) }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    guard life.phase != .closed else { return }
    flushOutbox()
    advance()
  }

  // MARK: Down

  /// What is written down of it; nil when it has ended.
  ///
  /// - Parameters:
  ///   - holdingOn: the place of its loop, which stands still: nobody may send to it from here on, until ``release()``. Nil: it goes on.
  func state(listener: Int, holdingOn place: Int?) -> ConnectionState? {
    guard life.phase != .closed else { return nil }
    noticeStop()
    let holding = place != nil
    var state = ConnectionState()
    (state.id, state.descriptor, state.listener, state.peer) = (id, descriptor, listener, remoteAddress.state)
    (state.acceptedAt, state.receivedAt) = (acceptedAt.nanoseconds, receivedAt.load(ordering: .relaxed))
    state.life = life.state
    if let properties = properties.withLock({ $0 }) { write(properties, to: &state) }
    state.outbox = outbox.withLock { outbox in
      if holding { outbox.hold(true) }
      return outbox.state
    }
    // What is held stays open in the program that takes over.
    if holding { _ = fcntl(descriptor, F_SETFD, 0) }
    writeReceived(to: &state)
    writeMembership(to: &state)
    state.lingerDeadline = lingerDeadline == .distantFuture ? 0 : lingerDeadline.nanoseconds
    state.discards = state.life.phase == .lingering ? drainRest ?? 0 : 0
    if let place, isRegistered {
      state.registration = RegistrationState(loop: place, number: loop.registration(of: descriptor), interest: interest.rawValue)
    }
    // A login by a handshake takes hold at once, but for the workers: one in ever so many is caught before.
    if holding, !hasParted, handoverObstacle != nil || webSocket?.bindings.isEmpty == false { endElsewhere(&state) }
    return state
  }

  /// It has come since those ended that cannot pass, or was not gone in time: the other program ends it.
  private func endElsewhere(_ state: inout ConnectionState) {
    if state.life.reason.isEmpty { state.life.reason = CloseReason.handover.description }
    // What is queued for it is no good without what seals it.
    guard session != nil else { return }
    (state.inbox, state.outbox, state.life.isBroken) = ([], OutboxState(), true)
  }

  private func writeReceived(to state: inout ConnectionState) {
    let waiting = staged?.count ?? 0
    state.messagesReceived = messagesReceived.load(ordering: .relaxed) &- UInt64(waiting)
    state.bytesReceived = bytesReceived.load(ordering: .relaxed)
    if let staged { state.inbox = Array(staged.frames[staged.begin...]) }
    if let inbox { state.inbox += inbox.readableBytesView }
    // One in a session that has parted is a plain socket by now.
    state.webSocket = session == nil ? webSocket?.state : nil
    state.hasSpoken = !attention.contains(.firstMessage) && waiting == 0 || state.messagesReceived > 0
    state.receiving = receiving.state(at: loop.now)
  }

  private func writeMembership(to state: inout ConnectionState) {
    state.groups = joinedGroups.map(\.name)
    (state.strikes, state.failedLogins) = (Int(strikes), Int(failedLogins))
    state.authenticationDeadline = authenticationDeadline == .distantFuture ? 0 : authenticationDeadline.nanoseconds
    state.beatAt = max(0, beatAt.nanoseconds)
  }

  private func write(_ properties: [ObjectIdentifier: any Sendable], to state: inout ConnectionState) {
    if hasUser, let user { state.user = user }
    state.closeText = closeText ?? ""
    if let due = self[ConnectionDeadline.Key.self]?.ends.due, due < .distantFuture { state.deadline = due.nanoseconds }
    state.metadata = logMetadata.map { NamedState($0, Array("\($1)".utf8)) }.sorted { $0.name < $1.name }
    state.properties = properties.compactMap { server.lasting.state($0, $1) }.sorted { $0.name < $1.name }
  }

  /// What has a place of its own.
  private func isOurs(_ key: ObjectIdentifier) -> Bool {
    key == ObjectIdentifier(ConnectionDeadline.Key.self) || key == ObjectIdentifier(CloseText.self) || Self.isUserName(key)
      || Self.isLogMetadata(key)
  }

  // MARK: Up

  /// One that another program has written down. To be resumed by its loop.
  ///
  /// Throws: ``HandoverFault``.
  convenience init(_ state: ConnectionState, _ server: ServerContext, _ endpoint: EndpointContext, _ context: LoopContext)
    throws(HandoverFault)
  {
    self.init(
      id: state.id, descriptor: state.descriptor, remoteAddress: SocketAddress(state.peer), server: server, endpoint: endpoint,
      context: context, webSocket: state.webSocket.map(WebSocket.init), at: Instant(nanoseconds: state.acceptedAt))
    receivedAt.store(state.receivedAt, ordering: .relaxed)
    messagesReceived.store(state.messagesReceived, ordering: .relaxed)
    bytesReceived.store(state.bytesReceived, ordering: .relaxed)
    life = ConnectionLife(state.life)
    receiving = ReceiveDeadline(state.receiving)
    if !state.inbox.isEmpty { inbox = ByteBuffer(bytes: state.inbox) }
    if state.hasSpoken { attention.remove(.firstMessage) }
    try outbox.withLock { outbox throws(HandoverFault) in
      try outbox.goOn(from: state.outbox)
      note(outbox)
    }
    (strikes, failedLogins) = (Int32(clamping: state.strikes), UInt8(clamping: state.failedLogins))
    if state.authenticationDeadline > 0 { authenticationDeadline = Instant(nanoseconds: state.authenticationDeadline) }
    if state.beatAt > 0 { beatAt = Instant(nanoseconds: state.beatAt) }
    if state.lingerDeadline > 0 { lingerDeadline = Instant(nanoseconds: state.lingerDeadline) }
    if life.phase == .lingering { drainRest = state.discards }
    if !state.closeText.isEmpty { self[CloseText.self] = state.closeText }
    for entry in state.metadata { logMetadata[entry.name] = "\(String(decoding: entry.bytes, as: UTF8.self))" }
  }

  /// The loop has it from here on; nothing is begun before ``resume()``.
  ///
  /// - Parameter registration: how it is in the epoll set of the loop already; nil: it is not.
  func arrive(_ registration: RegistrationState?) {
    life.hold()
    life.begin()
    guard !life.isBroken else { return }
    guard let registration else {
      if !listen() { socketBroke() }
      return
    }
    loop.adopt(descriptor, registration.number, readinessHandler)
    (isRegistered, interest) = (true, Readiness(rawValue: registration.interest))
  }

  /// Goes on where another program was.
  func resume() {
    life.release()
    guard !life.isBroken else {
      closeOutbox {}
      return advance()
    }
    // What the set has reported to the other program, or to this one before it had the connection, is not reported again by itself.
    if isRegistered { loop.change(descriptor, to: interest) }
    setPace()
    if life.phase == .new { awaitAuthentication() }
    if life.phase == .lingering { lingerOn() }
    flushOutbox()
    advance()
    if let webSocket { takeRest(of: webSocket) }
  }

  /// Nothing more is sent but the rest of the last word of a WebSocket.
  private func lingerOn() {
    guard let webSocket else { return closeOutbox {} }
    let cut = webSocket.cut
    closeOutbox { webSocket.cut = cut }
    shutdownFramed(webSocket)
  }
}
