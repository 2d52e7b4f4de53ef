import CLinux
import Glibc
import NIOCore
import Synchronization
import ZinxIO
import ZinxWire

/// Bytes to batches of requests. Event loop only.
extension Connection {
  /// Bytes kept while requests are being handled; a frame that is larger is kept as a whole.
  private static let inboxLimit = 64 << 10
  /// Bytes that are read and dropped after the end: what a peer may have on the way that does not know of it yet, a receive window or
  /// two, and no more of what one sends that does not care.
  static let discardLimit = 16 << 20
  /// Time after which a kernel is asked again that was short of memory.
  private static let shortage: Int64 = 10_000_000

  /// The beginning: from here on the event loop reports what the socket is ready for.
  func begin() {
    life.begin()
    // Somebody may have ended the connection before its loop came to see it.
    guard life.reason == nil else { return advance() }
    guard listen() else { return socketBroke() }
    setPace()
    awaitAuthentication()
    advance()
    if let webSocket { takeRest(of: webSocket) } else if let session { openRest(session) }
  }

  /// From here on the event loop reports what the socket is ready for. Returns false if it cannot.
  func listen() -> Bool {
    let interest = Self.interest(reads: true, writes: false)
    do { try loop.register(descriptor, for: interest, readinessHandler) } catch { return false }
    isRegistered = true
    self.interest = interest
    return true
  }

  /// What the event loop tells.
  var readinessHandler: any ReadinessHandler { isTCP && !server.isLocal ? self : LocalSocket(self) }

  private var isTCP: Bool { remoteAddress.family == UInt16(AF_INET) || remoteAddress.family == UInt16(AF_INET6) }

  /// The socket has bytes, or the peer's end of stream; `isBroken`: or an error, which a write may have been told before us.
  /// Returns whether all bytes that there were are read.
  func readable(isBroken: Bool) -> Bool {
    if life.phase == .lingering { return discard() }
    settle()
    guard life.reads else {
      advance()
      return false
    }
    if let pace { return readPaced(pace, isBroken: isBroken) }
    return read(upTo: .max, isBroken: isBroken)
  }

  @inline(never)
  private func readWrapped(upTo limit: Int, isBroken: Bool) -> Bool {
    if let session { return readSealed(session, upTo: limit, isBroken: isBroken) }
    guard let webSocket else { return true }
    return readFramed(webSocket, upTo: limit, isBroken: isBroken)
  }

  /// Reads once and goes on with what came. Returns whether that was all.
  func read(upTo limit: Int, isBroken: Bool) -> Bool {
    if isWrapped { return readWrapped(upTo: limit, isBroken: isBroken) }
    let isPutBack = prepareToReceive()
    let (count, isDrained) = context.received.receive(descriptor, upTo: min(drainRest ?? .max, limit))
    guard count > 0 else {
      receivedNothing(count, isBroken: isBroken)
      return isDrained
    }
    countReceived(count)
    keepReceived(isPutBack: isPutBack, read: count)
    advance()
    return isDrained
  }

  /// Makes room for what is to be received. Returns whether what the inbox holds was put in front of it: to be told
  /// ``keepReceived(isPutBack:read:)``, and of no consequence where nothing comes.
  @inline(__always)
  func prepareToReceive() -> Bool {
    context.received.prepare()
    let isPutBack = takesDirectly
    if isPutBack { inbox?.withUnsafeReadableBytes { context.received.put($0) } }
    return isPutBack
  }

  /// Keeps what was received, for which so many bytes of the socket were read; `isEmpty`: nothing of them is part of the stream.
  @inline(__always)
  func keepReceived(isPutBack: Bool, read count: Int, isEmpty: Bool = false) {
    if isPutBack { inbox = nil }
    if isPutBack || !isEmpty { keepReceived() }
    if drainRest != nil { drained(count) }
    pace?.read(count)
  }

  /// Bytes came, at the time of the loop.
  @inline(__always)
  func countReceived(_ count: Int) {
    receiving.received(at: loop.now)
    receivedAt.store(loop.now.nanoseconds, ordering: .relaxed)
    context.traffic.bytesReceived.countAlone(count)
    bytesReceived.countAlone(count)
  }

  /// Whether what the inbox holds goes back in front of the bytes to come: a small piece of a frame is cheaper to copy than to piece
  /// together.
  private var takesDirectly: Bool {
    guard let inbox else { return false }
    return !life.runsUserCode && staged == nil && !isWaitingForWorker
      && max(inbox.readableBytes, nextFrame) <= ReceiveBuffer.readSize / 4
  }

  /// A drain reads no more than had been received when it began. Nor does it wait for what the kernel has counted and does not hand out,
  /// such as urgent data on a UNIX socket.
  private func drained(_ count: Int) {
    drainRest = drainRest.map { min($0 - count, unreadBytes) }
    if drainRest == 0 { life.end(.draining) }
  }

  /// The end of the stream, or a failure; `isBroken`: or an error that a write was told before us.
  func receivedNothing(_ count: Int, isBroken: Bool) {
    let error = errno
    if count == 0 { return isBroken ? socketBroke() : peerClosed() }
    guard isTemporary(error) else { return socketBroke(error) }
    guard error == EAGAIN else { return askAgainLater() }
    if drainRest != nil {
      drained(0)
      advance()
    }
  }

  /// Makes a batch of what was received, or puts it behind what waits already.
  private func keepReceived() {
    guard inbox == nil, !life.runsUserCode, staged == nil else { return keepInInbox(context.received.bytes) }
    let scan = self.scan(context.received.bytes)
    if scan.frames > 0 { staged = context.received.take(scan.bytes, frames: scan.frames) }
    if let error = scan.error { return life.end(CloseReason(error)) }
    if scan.junk > 0 { context.received.drop(scan.junk) }
    keepInInbox(context.received.bytes)
  }

  private func keepInInbox(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 0 else { return }
    guard inbox != nil else { return inbox = ByteBuffer(bytes: bytes) }
    // A batch has left what it took in front. It would stay there for as long as the inbox is never empty, and grow.
    inbox?.discardReadBytes()
    inbox?.writeBytes(bytes)
  }

  /// Makes the next batch of what waits in the inbox.
  func stageInbox() {
    guard staged == nil, !isWaitingForWorker, !life.runsUserCode, var bytes = inbox else { return }
    inbox = nil
    let scan = bytes.withUnsafeReadableBytes { self.scan($0) }
    if scan.frames > 0, let frames = bytes.readSlice(length: scan.bytes) {
      staged = Batch(chunk: Chunk(sharing: frames), start: 0, end: scan.bytes, count: scan.frames)
    }
    if let error = scan.error { return life.end(CloseReason(error)) }
    if scan.junk > 0 { bytes.moveReaderIndex(forwardBy: scan.junk) }
    if bytes.readableBytes > 0 { inbox = bytes }
  }

  /// Counts the whole frames at the beginning of `bytes`, as many as the worker has room for and the rate allows; both are taken.
  private func scan(_ bytes: UnsafeRawBufferPointer) -> FrameDecoder.Scan {
    let maxPacketSize = endpoint.maxPacketSize.load(ordering: .relaxed)
    let limit = server.settings.maxWorkerTaskLen.load(ordering: .relaxed)
    // No further than there is room: a connection that waits for it with many requests would count them all at each try.
    var scan = scan(bytes, maxPacketSize, limit: worker.map { max(1, $0.room(limit: limit)) } ?? .max)
    if let worker, scan.frames > 0 {
      let granted = worker.reserve(scan.frames, limit: limit)
      if granted < scan.frames { scan = scanAgain(bytes, maxPacketSize, limit: granted) }
      if granted == 0 {
        isWaitingForWorker = true
        worker.notifyWhenRoom(self, limit: limit)
      }
    }
    if let pace, scan.frames > 0 {
      let granted = paceFrames(scan.frames, pace)
      if granted < scan.frames { scan = scanAgain(bytes, maxPacketSize, limit: granted) }
    }
    nextFrame = scan.nextFrame
    if scan.frames > 0 {
      receiving.frameEnded()
      messagesReceived.countAlone(scan.frames)
    }
    if !attention.isEmpty || scan.error != nil { examine(bytes, scan, maxPacketSize: maxPacketSize) }
    return scan
  }

  @inline(__always)
  private func scan(_ bytes: UnsafeRawBufferPointer, _ maxPacketSize: UInt32, limit: Int) -> FrameDecoder.Scan {
    guard isForeign else { return FrameDecoder(pack, maxPacketSize: maxPacketSize).scan(bytes, limit: limit) }
    return scanForeign(bytes, maxPacketSize, limit: limit)
  }

  /// Counts fewer of them.
  private func scanAgain(_ bytes: UnsafeRawBufferPointer, _ maxPacketSize: UInt32, limit: Int) -> FrameDecoder.Scan {
    // What was searched lies behind the frames that were found.
    searched = 0
    let again = scan(bytes, maxPacketSize, limit: limit)
    // A codec that finds fewer than it did must not keep a worker's room for the rest.
    if again.frames < limit { worker?.release(limit - again.frames) }
    return again
  }

  @inline(never)
  private func scanForeign(_ bytes: UnsafeRawBufferPointer, _ maxPacketSize: UInt32, limit: Int) -> FrameDecoder.Scan {
    let scan = framing.scan(bytes, limit: limit, maxPacketSize: maxPacketSize, searched: Int(searched))
    // Of what stays behind the frames; a scan that came to its limit begins anew there.
    searched = scan.frames < limit ? UInt32(clamping: scan.searched) : 0
    return scan
  }

  /// The worker has room again. Any thread.
  func workerHasRoom() {
    loop.execute {
      self.isWaitingForWorker = false
      self.advance()
      self.worker?.passOn(limit: self.server.settings.maxWorkerTaskLen.load(ordering: .relaxed))
    }
  }

  /// The peer's end of stream.
  func peerClosed() {
    noticeStop()
    var isInsideFrame = false
    if let inbox {
      // What waits for the running user code may hold a header that will be refused: the reason does not depend on who is first.
      let maxPacketSize = endpoint.maxPacketSize.load(ordering: .relaxed)
      let scan = inbox.withUnsafeReadableBytes { framing.scan($0, maxPacketSize: maxPacketSize) }
      if let error = scan.error { life.end(CloseReason(error)) }
      isInsideFrame = inbox.readableBytes > scan.bytes + scan.junk
    }
    life.peerClosed(insideFrame: isInsideFrame || heldBytes > 0)
    advance()
  }

  /// Reads and drops what a peer sends that does not know yet that we have ended. The rest is left to the kernel, which stops the peer:
  /// closing would reset the connection, and the answers on their way have the whole linger time to arrive.
  private func discard() -> Bool {
    context.received.prepare()
    let rest = drainRest ?? 0
    let (count, isDrained) = context.received.receive(descriptor, upTo: rest)
    if count == 0 { life.peerClosed(insideFrame: false) }
    if count < 0, !isTemporary(errno) { life.broke() }
    drainRest = rest - max(0, count)
    if count <= 0 || drainRest == 0 { advance() }
    return isDrained
  }

  // MARK: When to read

  /// Asks epoll for what matters now. Not reading is how a peer is slowed down: its own sends block in the end.
  func updateInterest() {
    guard isRegistered else { return }
    let reads = life.phase == .lingering ? drainRest != 0 : life.reads && hasRoom
    // Only a queue that is not empty can be blocked, and a session; so most connections never look under the lock.
    let mayWrite = interest.isWritable || queuedMessages.load(ordering: .relaxed) > 0 || session != nil
    let writes = mayWrite && outbox.withLock { $0.blockedSince != nil }
    guard reads != interest.isReadable || writes != interest.isWritable else { return }
    if reads, !life.runsUserCode { receiving.waitEnded(at: loop.time) }
    interest = Self.interest(reads: reads, writes: writes)
    loop.change(descriptor, to: interest)
  }

  /// What to ask epoll for. Edge-triggered: the kernel need not look at the socket again after each event. Who leaves something that an
  /// event told of has to ask again, or to change the interest, which does the same.
  private static func interest(reads: Bool, writes: Bool) -> Readiness {
    let reading = Readiness.readable.rawValue | Readiness.peerShut.rawValue | Readiness.urgent.rawValue
    return Readiness(
      rawValue: Readiness.edgeTriggered.rawValue | (reads ? reading : 0) | (writes ? Readiness.writable.rawValue : 0))
  }

  /// Has epoll report anew what the socket is ready for.
  func askAgain() {
    guard isRegistered, !asksLater else { return }
    loop.change(descriptor, to: interest)
  }

  /// The same in a while: the kernel reports that it is ready, and is not, as when it is short of memory. No event tells that it is over,
  /// and to ask all the time would take a processor.
  func askAgainLater() {
    guard !asksLater else { return }
    asksLater = true
    loop.schedule(at: loop.time.advanced(byNanoseconds: Self.shortage)) { [self] in
      asksLater = false
      askAgain()
    }
  }

  private var hasRoom: Bool {
    !isWaitingForWorker && pace?.isResting != true && (inbox?.readableBytes ?? 0) < inboxLimit && !isQueueFull
  }

  /// What the inbox takes before reading rests: the frame that is begun, where one knows how long it is.
  private var inboxLimit: Int {
    if isForeign, nextFrame == 0, inbox != nil { return Int(endpoint.maxPacketSize.load(ordering: .relaxed)) + 1 }
    return max(Self.inboxLimit, nextFrame)
  }

  /// Whether the kernel leaves the queue full. One that nobody has tried to write yet does not count: no event would follow when it is.
  private var isQueueFull: Bool {
    guard queuedMessages.load(ordering: .relaxed) > 0 else { return false }
    let limit = server.settings.queueLimit
    return outbox.withLock { $0.blockedSince != nil && !$0.hasRoom(limit) }
  }
}
