import CLinux
import Glibc
import NIOCore
import Synchronization
import ZinxIO
import ZinxWire

/// Messages to bytes. Replies of a running batch gather in its thread's cork and leave in one write; everything else goes through the
/// outbox.
extension Connection {
  // MARK: What user code calls (any thread)

  /// Sends a message and returns when its bytes have been handed to the kernel. One sender's messages leave in the order in which it
  /// sent them.
  ///
  /// Throws: ``ZinxError/connectionClosed``, ``ZinxError/unencodable(reason:)``, `CancellationError`.
  public func sendMsg(_ id: UInt32, _ data: ByteBuffer) async throws {
    let frame = try frame(id, data)
    // What this thread has gathered was sent before.
    if isCorkedHere, let cork { flush(cork.takeUnretainedValue(), uncorking: false) }
    var isQueued = false
    while !isQueued {
      let limit = server.settings.queueLimit
      // Queued and waited for under one lock: what becomes of these bytes alone decides, also when the connection ends right then.
      try await wait { outbox, resume in
        guard outbox.hasRoom(limit) else { return outbox.waitForRoom(for: frame.readableBytes, resume) }
        if outbox.isTraced { traceSent(frame, isRaw: false) }
        queue(frame, in: &outbox, isShared: false, isRaw: false)
        isQueued = true
        return outbox.waitUntilWritten(resume)
      }
    }
  }

  /// Sends a message and returns when it is queued; while `MaxMsgChanLen` messages or `MaxConnQueueBytes` are queued it waits for room.
  ///
  /// Throws: ``ZinxError/connectionClosed``, `CancellationError`.
  @inlinable @inline(__always)
  nonisolated(nonsending) public func sendBuffMsg(_ id: UInt32, _ data: ByteBuffer) async throws {
    if gathers(id, data) { return }
    // Counted here and not there: what follows a wait also keeps the hop back, a lock, in the branch that waited.
    if try await queue(id, data) { countWait() }
  }

  /// Whether the message was gathered.
  @usableFromInline
  func gathers(_ id: UInt32, _ data: ByteBuffer) -> Bool { data.withUnsafeReadableBytes { gather(id, $0) } }

  @usableFromInline
  func gathers(_ id: UInt32, _ data: UnsafeRawBufferPointer) -> Bool { gather(id, data) }

  /// Returns whether that had to wait for room.
  @usableFromInline
  nonisolated(nonsending) func queue(_ id: UInt32, _ data: ByteBuffer) async throws -> Bool {
    try await send(frame: frame(id, data))
  }

  @usableFromInline
  func countWait() { server.counters.sendWaits.count() }

  /// Queues a message without waiting.
  ///
  /// Throws: ``ZinxError/sendBufferFull`` while `MaxMsgChanLen` messages or `MaxConnQueueBytes` are queued,
  /// ``ZinxError/connectionClosed``.
  public func trySendBuffMsg(_ id: UInt32, _ data: ByteBuffer) throws(ZinxError) {
    if data.withUnsafeReadableBytes({ gather(id, $0) }) { return }
    try trySend(id, data)
  }

  @inline(never)
  private func trySend(_ id: UInt32, _ data: ByteBuffer) throws(ZinxError) {
    try trySend(frame: frame(id, data))
  }

  /// Queues a message without waiting. Returns false while `MaxMsgChanLen` messages or `MaxConnQueueBytes` are queued: made for
  /// ``ImmediateRouter``.
  ///
  /// Throws: ``ZinxError/connectionClosed``.
  public func sendImmediately(_ id: UInt32, _ data: ByteBuffer) throws(ZinxError) -> Bool {
    if data.withUnsafeReadableBytes({ gather(id, $0) }) { return true }
    return try queueImmediately(id, data)
  }

  /// Queues a message with the data of a request, as ``sendImmediately(_:_:)`` does, but without a slice: what an echo and a relay want.
  ///
  /// Throws: ``ZinxError/connectionClosed``.
  public func sendImmediately(_ id: UInt32, dataOf request: Request) throws(ZinxError) -> Bool {
    if gather(id, request.bytes, of: request.chunk) { return true }
    return try queueImmediately(id, dataOf: request)
  }

  // What is rare is not part of what is done for every message: it would take the registers there.
  @inline(never)
  private func queueImmediately(_ id: UInt32, dataOf request: Request) throws(ZinxError) -> Bool {
    try queueImmediately(id, request.data)
  }

  private func queueImmediately(_ id: UInt32, _ data: ByteBuffer) throws(ZinxError) -> Bool {
    try queueImmediately(frame(id, data))
  }

  /// Queues an encoded frame. Returns false while there is no room.
  private func queueImmediately(_ frame: ByteBuffer, isShared: Bool = false, isRaw: Bool = false) throws(ZinxError) -> Bool {
    do { try trySend(frame: frame, isShared: isShared, isRaw: isRaw) } catch {
      guard error == .sendBufferFull else { throw error }
      return false
    }
    return true
  }

  /// Writes now what was sent so far instead of at the end of the batch, also what the calling thread gathered for another connection.
  /// Worth a call before a handler blocks its thread.
  public func flush() {
    Cork.ofThisThread?.flush()
    if !isCorkedHere { flushOutbox() }
  }

  // MARK: Bytes as they are

  /// Queues bytes that are no message of this connection's protocol, such as the answer to a handshake or a frame that is made already, and
  /// returns when they are queued; waits for room as ``sendBuffMsg(_:_:)-(_,ByteBuffer)`` does. They leave in order with messages, and count
  /// as one.
  ///
  /// Throws: ``ZinxError/connectionClosed``, `CancellationError`.
  public func sendRaw(_ bytes: ByteBuffer) async throws {
    if try await send(frame: wrapped(bytes.detached), isRaw: true) { countWait() }
  }

  /// The same without waiting.
  ///
  /// Throws: ``ZinxError/sendBufferFull`` while `MaxMsgChanLen` messages or `MaxConnQueueBytes` are queued,
  /// ``ZinxError/connectionClosed``.
  public func trySendRaw(_ bytes: ByteBuffer) throws(ZinxError) {
    try trySend(frame: wrapped(bytes.detached), isRaw: true)
  }

  // MARK: Room

  /// Whether a message can be sent without waiting, or fails at once. Where the calling thread gathers for the connection that is told
  /// without a lock.
  @inline(__always)
  var hasRoomForReply: Bool {
    if isCorkedHere, let cork, cork._withUnsafeGuaranteedRef({ $0.hasRoom }) { return true }
    return makesRoomForReply()
  }

  private func makesRoomForReply() -> Bool {
    if isCorkedHere, let cork {
      if webSocket != nil, cork._withUnsafeGuaranteedRef({ hasRoomForFrame($0) }) { return true }
      flush(cork.takeUnretainedValue(), uncorking: false)
    }
    let limit = server.settings.queueLimit
    if outbox.withLock({ $0.isClosed || $0.hasRoom(limit) }) { return true }
    guard isForeign else { return false }
    // The replies of a batch wait for its end.
    flushOutbox()
    return outbox.withLock { $0.isClosed || $0.hasRoom(limit) }
  }

  /// Returns when there is room for a message, or nothing can be sent any more.
  nonisolated(nonsending) func waitForRoom() async {
    guard !hasRoomForReply else { return }
    countWait()
    repeat {
      // It throws at the end of the connection, and when the task is cancelled because of it: no more is to be waited for.
      do { try await waitForRoom(0) } catch { return }
    } while !hasRoomForReply
  }

  // MARK: Frames

  /// The frame of a message on this connection.
  func frame(_ id: UInt32, _ data: ByteBuffer) throws(ZinxError) -> ByteBuffer {
    let message = Message(id: id, data: data)
    return try wrapped(isForeign ? framing.frame(of: message) : pack.encoded(message))
  }

  /// Queues an encoded frame, waiting for room. `isShared`: the same bytes go to others too.
  ///
  /// Returns whether it had to wait.
  @discardableResult
  func send(frame: ByteBuffer, isShared: Bool = false, isRaw: Bool = false) async throws -> Bool {
    var hasWaited = false
    while try !queueImmediately(frame, isShared: isShared, isRaw: isRaw) {
      hasWaited = true
      try await waitForRoom(frame.readableBytes)
    }
    return hasWaited
  }

  /// Waits for room for a frame of this many bytes.
  private func waitForRoom(_ bytes: Int) async throws {
    try await wait { outbox, resume in
      outbox.hasRoom(self.server.settings.queueLimit) ? nil : outbox.waitForRoom(for: bytes, resume)
    }
  }

  /// Queues an encoded frame. `isShared`: the same bytes go to others too; `isRaw`: it is none of the connection's own frames.
  func trySend(frame: ByteBuffer, isShared: Bool = false, isRaw: Bool = false) throws(ZinxError) {
    do throws(ZinxError) { try queue(frame: frame, isShared: isShared, isRaw: isRaw) } catch {
      // The replies of a batch wait for its end, where a cork would have been written: the kernel may take them.
      guard error == .sendBufferFull, isForeign else { throw error }
      flushOutbox()
      try queue(frame: frame, isShared: isShared, isRaw: isRaw)
    }
    // At the end of the batch what is left of its replies is written anyway.
    if isForeign, Cork.ofThisThread?.isTaken(by: self) == true { return }
    scheduleFlush()
  }

  /// Queues a frame whose bytes go to others too, and leaves it to the caller to have it written: see ``takesFlush()``.
  ///
  /// Throws: ``ZinxError/sendBufferFull`` while the queue is full and the kernel takes no more, ``ZinxError/connectionClosed``.
  func queueShared(frame: ByteBuffer) throws(ZinxError) {
    do throws(ZinxError) { try queue(frame: frame, isShared: true) } catch {
      guard error == .sendBufferFull else { throw error }
      // One sender can fill the queue before the loop comes to write: that is not the peer's fault.
      flushOutbox()
      try queue(frame: frame, isShared: true)
    }
  }

  private func queue(frame: ByteBuffer, isShared: Bool, isRaw: Bool = false) throws(ZinxError) {
    // Bytes as they are may be none.
    guard frame.readableBytes > 0 else { return }
    // What this thread has gathered was sent before.
    if isCorkedHere, let cork { flush(cork.takeUnretainedValue(), uncorking: false) }
    let limit = server.settings.queueLimit
    let refusal: ZinxError? = outbox.withLock { outbox in
      guard !outbox.isWatched else { return queueWatched(frame, in: &outbox, isShared: isShared, isRaw: isRaw) }
      guard outbox.hasRoom(limit) else { return .sendBufferFull }
      queue(frame, in: &outbox, isShared: isShared, isRaw: isRaw)
      return nil
    }
    if let refusal { throw refusal }
    shedIfNeeded()
  }

  /// The same where the outbox is closed or held, or what is sent is traced.
  @inline(never)
  private func queueWatched(_ frame: ByteBuffer, in outbox: inout Outbox, isShared: Bool, isRaw: Bool) -> ZinxError? {
    if outbox.isHeld { server.waitWhileHeld() }
    guard !outbox.isClosed else { return .connectionClosed }
    guard outbox.hasRoom(server.settings.queueLimit) else { return .sendBufferFull }
    if outbox.isTraced { traceSent(frame, isRaw: isRaw) }
    queue(frame, in: &outbox, isShared: isShared, isRaw: isRaw)
    return nil
  }

  /// What is sent now leaves after what the cork of a thread holds. Under the outbox lock.
  var isBehindCork: Bool { corkThread.load(ordering: .relaxed) != 0 && isCorkFilled.load(ordering: .relaxed) }

  /// Under the outbox lock.
  private func queue(_ frame: ByteBuffer, in outbox: inout Outbox, isShared: Bool, isRaw: Bool) {
    let isBehindCork = isBehindCork
    outbox.append(frame: frame, isCorked: isBehindCork, isShared: isShared, isRaw: isRaw)
    // What the corked thread sends from here on comes after this one.
    if isBehindCork { stopsGathering.store(true, ordering: .relaxed) }
    note(outbox)
    if webSocket == nil || WebSocketFrame.isMessage(frame) { server.counters.outboxes.messagesSent.count() }
  }

  /// Suspends the sender. `register` returns nil when there is nothing to wait for.
  private func wait(_ register: (inout Outbox, @escaping Outbox.Resume) -> UInt64?) async throws {
    leaveWorkerRoomToOthers()
    // Touched under the lock alone. So a cancellation that does not find the token there is seen below, by who registers.
    let token = Atomic<UInt64>(0)
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Outbox.Outcome, Never>) in
        let outcome: Outbox.Outcome? = outbox.withLock { outbox in
          if outbox.isHeld { server.waitWhileHeld() }
          guard !outbox.isClosed else { return .closed }
          guard let new = register(&outbox, { continuation.resume(returning: $0) }) else { return .over }
          token.store(new, ordering: .relaxed)
          return nil
        }
        if let outcome { return continuation.resume(returning: outcome) }
        shedIfNeeded()
        flushOutbox()
        if Task.isCancelled { giveUp(token) }
      }
    } onCancel: {
      giveUp(token)
    }
    switch outcome {
    case .over: return
    case .closed: throw ZinxError.connectionClosed
    case .cancelled: throw CancellationError()
    }
  }

  private func giveUp(_ token: borrowing Atomic<UInt64>) {
    outbox.withLock { $0.giveUp(token.load(ordering: .relaxed)) }?(.cancelled)
  }

  // MARK: The cork

  /// Whether the calling thread gathers for this connection.
  @inline(__always)
  var isCorkedHere: Bool { corkThread.load(ordering: .relaxed) == clinux_thread() }

  /// Puts a message into the cork. Returns false when it has to go through the outbox: another thread, a full queue, the end.
  @inline(__always)
  func gather(_ id: UInt32, _ data: UnsafeRawBufferPointer, of chunk: Chunk? = nil) -> Bool {
    guard isCorkedHere, let cork else { return false }
    return cork._withUnsafeGuaranteedRef { cork in
      if !cork.hasRoom || stopsGathering.load(ordering: .relaxed) {
        guard makeRoomToGather(cork, for: data.count) else { return false }
      }
      if let chunk, cork.borrow(id, data, of: chunk, pack) {} else { cork.append(id, data, pack) }
      if cork.count == 1 { isCorkFilled.store(true, ordering: .relaxed) }
      return true
    }
  }

  /// Returns whether the next message, with so many bytes of data, can be gathered.
  @inline(never)
  private func makeRoomToGather(_ cork: Cork, for count: Int) -> Bool {
    guard webSocket == nil else { return beginFrame(cork, count) }
    flush(cork, uncorking: false)
    return cork.hasRoom && !isClosed
  }

  private func beginFrame(_ cork: Cork, _ count: Int) -> Bool {
    if !hasRoomForFrame(cork) {
      flush(cork, uncorking: false)
      guard hasRoomForFrame(cork), !isClosed else { return false }
    }
    cork.beginFrame(DataPack.headerLength + count)
    return true
  }

  /// What ``Cork/hasRoom`` says of others, of a WebSocket.
  @inline(__always)
  private func hasRoomForFrame(_ cork: Cork) -> Bool { cork.hasFrameRoom && !stopsGathering.load(ordering: .relaxed) }

  /// Called by ``Cork/take(_:)`` on its thread.
  func wasCorked(by cork: Cork) {
    // What is sent there goes through the outbox, which knows how long each frame is.
    guard !isForeign else { return }
    self.cork = Unmanaged.passUnretained(cork)
    makeRoom(in: cork)
    corkThread.store(clinux_thread(), ordering: .relaxed)
  }

  private func makeRoom(in cork: Cork) {
    let limit = server.settings.queueLimit
    let queued = queuedMessages.load(ordering: .relaxed)
    cork.frameRoom = limit.messages - queued
    cork.room = cork.frameRoom & plainRoom
    // Only a queue that has messages has bytes; so most batches never look under the lock.
    cork.space = min(Cork.flushThreshold, queued == 0 ? limit.bytes : limit.bytes - outbox.withLock { $0.bytes })
  }

  /// Writes what the cork holds, then what was sent behind it. The cork's thread.
  func flush(_ cork: Cork, uncorking: Bool) {
    let limit = server.settings.queueLimit
    var written = 0
    let (result, resumable) = outbox.withLock { outbox -> (WriteResult, [Outbox.Resume]?) in
      isCorkFilled.store(false, ordering: .relaxed)
      stopsGathering.store(outbox.isClosed, ordering: .relaxed)
      if uncorking { corkThread.store(0, ordering: .relaxed) }
      guard !outbox.isWatched || mayFlushWatched(cork, outbox) else { return (.done, nil) }
      var result = WriteResult.done
      if cork.hasLoans {
        if outbox.queue.readableBytes == 0, session == nil { written = writePieces(of: cork) }
        if written == cork.length, outbox.passed(written, frames: cork.count) {
          return (.done, outbox.takeResumable(limit: limit))
        }
        cork.copyLoans()
      }
      let bytes = cork.bytes
      if outbox.queue.readableBytes == 0 { result = write(bytes, &outbox, &written) }
      outbox.uncork(bytes, count: cork.count, written: written)
      if case .done = result { result = writeQueue(&outbox) }
      note(outbox)
      return (result, outbox.takeResumable(limit: limit))
    }
    cork.traffic.messagesSent.countAlone(cork.count)
    cork.traffic.bytesSent.countAlone(written)
    cork.clear()
    if !uncorking { makeRoom(in: cork) }
    if let resumable { for resume in resumable { resume(.over) } }
    report(result)
  }

  /// Whether what is gathered can still be sent; then it is traced.
  @inline(never)
  private func mayFlushWatched(_ cork: Cork, _ outbox: borrowing Outbox) -> Bool {
    if outbox.isHeld { server.waitWhileHeld() }
    guard !outbox.isClosed else { return false }
    if outbox.isTraced { traceSent(cork) }
    return true
  }

  // MARK: Writing

  /// What came of a write.
  enum WriteResult {
    case done
    /// The kernel's buffer is full; `isNew` when it was not before.
    case blocked(isNew: Bool)
    case failed
  }

  /// Sees to it that the outbox is written soon, by the event loop, together with what else is sent until then.
  private func scheduleFlush() {
    if takesFlush() { context.scheduleFlush(self) }
  }

  /// Whether the caller is the one who has to have the outbox written; otherwise somebody sees to it already.
  func takesFlush() -> Bool { !isFlushScheduled.exchange(true, ordering: .acquiringAndReleasing) }

  /// Writes what the outbox holds. Any thread.
  func flushOutbox() {
    isFlushScheduled.store(false, ordering: .releasing)
    let (result, resumable) = outbox.withLock { outbox -> (WriteResult, [Outbox.Resume]?) in
      // One that is held is written by whoever goes on with it.
      guard !outbox.isClosed, !outbox.isHeld else { return (.done, nil) }
      let result = writeQueue(&outbox)
      note(outbox)
      return (result, outbox.takeResumable(limit: server.settings.queueLimit))
    }
    if let resumable { for resume in resumable { resume(.over) } }
    report(result)
  }

  /// Under the outbox lock.
  private func writeQueue(_ outbox: inout Outbox) -> WriteResult {
    guard outbox.queue.readableBytes > 0 || hasSealed else {
      outbox.flows()
      return .done
    }
    guard outbox.blockedSince == nil else { return .blocked(isNew: false) }
    var written = 0
    let queue = outbox.queue
    let result = queue.withUnsafeReadableBytes { write($0, &outbox, &written) }
    outbox.wrote(written)
    if case .done = result { outbox.flows() }
    server.counters.outboxes.bytesSent.count(written)
    return result
  }

  /// Writes what is gathered, and in part only on loan, in one call. Returns how many bytes the kernel took; what it did not take, and
  /// why, is for ``write(_:_:_:)`` to find out. Under the outbox lock.
  private func writePieces(of cork: Cork) -> Int {
    let count = cork.withPieces { pieces in
      var message = msghdr()
      message.msg_iov = pieces.baseAddress
      message.msg_iovlen = pieces.count
      return retryingOnInterrupt { sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL)) }
    }
    return max(0, count)
  }

  /// Writes as much of `bytes` as the kernel takes. Under the outbox lock, which also keeps the descriptor from being closed.
  private func write(_ bytes: UnsafeRawBufferPointer, _ outbox: inout Outbox, _ written: inout Int) -> WriteResult {
    if let session { return writeSealed(session, bytes, &outbox, &written) }
    while written < bytes.count {
      let rest = bytes.baseAddress.map { $0 + written }
      let count = retryingOnInterrupt { clinux_send(descriptor, rest, bytes.count - written) }
      guard count >= 0 else {
        guard isTemporary(errno) else {
          outbox.failed(errno)
          return .failed
        }
        return .blocked(isNew: outbox.block(at: loop.time, progress: written > 0))
      }
      written += count
    }
    return .done
  }

  /// Brings the result of a write to the event loop, where it matters.
  func report(_ result: WriteResult) {
    switch result {
    case .done: return
    case .blocked(let isNew):
      shedIfNeeded()
      if isNew { onLoop { $0.writeWasBlocked() } }
    case .failed: onLoop { $0.socketBroke() }
    }
  }

  private func onLoop(_ body: @escaping @Sendable (Connection) -> Void) { loop.execute { body(self) } }
}
