import NIOCore
import Synchronization
import ZinxIO
import ZinxWire

/// One connection, from the first SYN to the last message taken. It runs on the event loop's thread, so that the loop's events and the
/// tasks that call it take turns.
actor Connection: ReadinessHandler {
  typealias Reply = (waiter: Waiter<Message>, timer: EventLoop.Timer)

  enum Phase {
    case idle
    case connecting(Waiter<Void>, PeerAddress)
    case open
    /// Everything queued goes out, then our side is shut; what the peer still sends is received.
    case closing
    case closed(Client.CloseReason)
  }

  private nonisolated let executor: LoopExecutor
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
  nonisolated var loop: EventLoop { executor.loop }

  nonisolated let configuration: ClientConfiguration
  nonisolated let transport: Transport
  /// What the actor's phase is to the outside, readable without a hop.
  nonisolated let state = Mutex(Client.State.connected)

  var phase = Phase.idle
  var socket: StreamSocket?
  var deadline: EventLoop.Timer?
  var heartbeat: HeartbeatLife
  var heartbeatTimer: EventLoop.Timer?
  /// The kernel has connected, and the tunnel has begun.
  var isReached = false
  /// The server has said its last word; the connection ends with this reason as soon as it has closed too.
  var goodbye: Client.CloseReason?
  private var interest: Readiness = .writable
  private var lastTicket: UInt64 = 0

  var inbound = Inbound()
  var outbox = Outbox()
  var replies = ReplyQueue<Reply>()
  var unread: UnreadMessages
  private var isFlushScheduled = false
  var readers = CircularBuffer<(ticket: UInt64, waiter: Waiter<Message?>)>()
  var closers: [Waiter<Void>] = []

  init(_ loop: EventLoop, _ configuration: ClientConfiguration, _ transport: Transport) {
    executor = LoopExecutor(loop)
    self.transport = transport
    self.configuration = configuration
    unread = UnreadMessages(limit: configuration.maxUnreadBytes)
    heartbeat = HeartbeatLife(configuration.heartbeat, at: .now)
  }

  // MARK: Waiting

  /// Suspends the caller until the waiter that `start` gets is resumed. `start` runs at once; `onCancel` runs on the loop after it.
  func wait<Value>(
    _ start: (_ ticket: UInt64, Waiter<Value>) -> Void,
    onCancel: @escaping @Sendable (isolated Connection, _ ticket: UInt64) -> Void
  ) async throws(ClientError) -> Value {
    let ticket = takeTicket()
    let result = await withTaskCancellationHandler {
      await suspend { start(ticket, $0) }
    } onCancel: {
      loop.execute { self.assumeIsolated { onCancel($0, ticket) } }
    }
    return try result.get()
  }

  /// A number greater than all before.
  func takeTicket() -> UInt64 {
    lastTicket += 1
    return lastTicket
  }

  /// A method, since an `async` closure that does not mention the actor would run off it.
  private func suspend<Value>(_ start: (Waiter<Value>) -> Void) async -> Result<Value, ClientError> {
    await withCheckedContinuation(start)
  }

  // MARK: The loop's events

  nonisolated func ready(_ readiness: Readiness) { assumeIsolated { $0.handle(readiness) } }

  private func handle(_ readiness: Readiness) {
    if case .connecting = phase { return goOnConnecting() }
    if readiness.contains(.writable) { flush() }
    // Once the peer has gone, no more can come than the kernel holds: it is read although nobody may be taking messages.
    if !readiness.isDisjoint(with: [.readable, .hangUp, .failed]) { receive() }
  }

  /// Waits for what there is to do.
  func updateInterest() {
    guard let socket else { return }
    var wanted: Readiness = []
    if !unread.isFull || isClosing { wanted.insert(.readable) }
    if socket.wantsRoom(hasMore: !outbox.isEmpty) { wanted.insert(.writable) }
    wait(for: wanted)
  }

  func wait(for wanted: Readiness) {
    guard let socket, wanted != interest else { return }
    interest = wanted
    loop.change(socket.number, to: wanted)
  }

  var isReadingPaused: Bool { !interest.contains(.readable) }

  // MARK: Writing

  /// Writes soon, together with what else is sent in this turn of the loop.
  func scheduleFlush() {
    // While the kernel takes no more, the loop tells when it does.
    guard !isFlushScheduled, !interest.contains(.writable) else { return }
    isFlushScheduled = true
    loop.execute { self.assumeIsolated { $0.flush() } }
  }

  /// Writes until the kernel takes no more.
  func flush() {
    isFlushScheduled = false
    while let socket, !outbox.isEmpty {
      let (outcome, sent) = outbox.write(socket.write)
      for waiter in sent { waiter.succeed(()) }
      switch outcome {
      case .bytes, .end:
        heartbeat.sent(at: loop.now)
        continue
      case .wouldBlock, .staged: return updateInterest()
      case .failed(let error): return peerHasGone(error)
      case .over(let end): return tunnelHasEnded(end)
      }
    }
    if let error = socket?.flushTunnel() { return peerHasGone(error) }
    if isClosing { socket?.shutDownWriting() }
    updateInterest()
  }

  /// What the peer said before it left may tell why, so it is read first.
  private func peerHasGone(_ error: SystemError) {
    if let goodbye { return finish(goodbye) }
    let (unsent, hasTunnel) = (outbox.removeAll(), socket?.tunnel != nil)
    while receive() {}
    finish(goodbye ?? reason(of: error))
    var told = Client.CloseReason(error)
    if hasTunnel, case .closed(let reason) = state.withLock({ $0 }) { told = reason }
    for waiter in unsent { waiter.fail(.closed(told)) }
  }

  private func reason(of error: SystemError) -> Client.CloseReason {
    let reason = Client.CloseReason(error)
    return reason == .reset ? socket?.tunnel?.faultOfSilence.map { .tlsFailed($0) } ?? reason : reason
  }

  // MARK: Reading

  /// Reads once. Returns whether there may be more.
  @discardableResult
  func receive() -> Bool {
    guard let socket else { return false }
    switch socket.read(into: &inbound.buffer) {
    case .bytes:
      heartbeat.received(at: loop.now)
      decode()
      // No event tells of the end that came with the bytes.
      if !socket.isDiscarding, let end = socket.tunnel?.end { tunnelHasEnded(end) }
    case .end: streamHasEnded(socket)
    case .wouldBlock, .staged: return false
    case .failed(let error): finish(goodbye ?? reason(of: error))
    case .over(let end): tunnelHasEnded(end)
    }
    return self.socket != nil
  }

  func streamHasEnded(_ socket: StreamSocket) {
    let isCut = inbound.buffer.readableBytes > 0 || socket.tunnel?.isInsideFrame == true
    if goodbye == nil, !isCut, !isClosing, socket.tunnel?.end == nil, let fault = socket.tunnel?.faultOfSilence {
      return finish(.tlsFailed(fault))
    }
    finish(goodbye ?? (isCut ? .truncated : isClosing ? .closed : .closedByPeer))
  }

  func decode() {
    let (framing, limit) = (configuration.framing, configuration.maxPacketSize)
    do {
      while let message = try framing.next(&inbound.buffer, maxPacketSize: limit) { deliver(message) }
    } catch {
      return finish(Client.CloseReason(error))
    }
    inbound.tidy()
    updateInterest()
  }

  private func deliver(_ slice: Message) {
    let message = slice.detached
    switch replies.match(message.id) {
    case .reply(let reply):
      loop.cancel(reply.timer)
      reply.waiter.succeed(message)
    case .late: break
    case .none:
      if takeHeartbeat(message) { return }
      if !readers.isEmpty {
        readers.removeFirst().waiter.succeed(message)
      } else if !isClosing || !unread.isFull {
        unread.append(message)
      }
    }
  }
}

extension Message {
  /// The message in a buffer of its own size. A slice would keep the whole read buffer for as long as the message waits to be taken.
  fileprivate var detached: Message {
    var copy = ByteBufferAllocator().buffer(capacity: data.readableBytes)
    copy.writeImmutableBuffer(data)
    return Message(id: id, data: copy)
  }
}

extension Client.CloseReason {
  fileprivate init(_ error: WireError) {
    switch error {
    case .oversize(let id, let length): self = .oversize(id: id, length: length)
    case .oversizeFrame(let length): self = .oversizeFrame(length: length)
    case .badFrame(let fault): self = .badFrame(fault.description)
    case .truncated: self = .truncated
    }
  }
}
