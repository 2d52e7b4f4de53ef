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

  /// The beginning: from here on the event loop reports what the socket is ready for.
  func begin() {
    // Somebody may have ended the connection before its loop came to see it.
    guard life.phase == .new else { return }
    do { try context.loop.register(descriptor, for: .readable, self) } catch { return socketBroke() }
    isRegistered = true
    interest = .readable
    advance()
  }

  /// The socket has bytes, or the peer's end of stream; `isBroken`: or an error, which a write may have been told before us.
  func readable(isBroken: Bool) {
    lastRead = context.loop.now
    if life.phase == .lingering { return discard() }
    settle()
    guard life.reads else { return advance() }
    context.received.prepare()
    let isPutBack = takesDirectly
    if isPutBack { inbox?.withUnsafeReadableBytes { context.received.put($0) } }
    let count = context.received.receive(descriptor, upTo: drainRest ?? .max)
    guard count > 0 else { return count == 0 ? (isBroken ? socketBroke() : peerClosed()) : receiveFailed() }
    server.counters.bytesReceived.count(count)
    if isPutBack { inbox = nil }
    keepReceived()
    if let rest = drainRest { drainRest = rest - count }
    if drainRest == 0 { life.end(.draining) }
    advance()
  }

  /// Whether what the inbox holds goes back in front of the bytes to come: a small piece of a frame is cheaper to copy than to piece
  /// together.
  private var takesDirectly: Bool {
    guard let inbox else { return false }
    return !life.runsUserCode && staged == nil && !isWaitingForWorker
      && max(inbox.readableBytes, nextFrame) <= ReceiveBuffer.readSize / 4
  }

  private func receiveFailed() { if errno != EAGAIN { socketBroke() } }

  /// Makes a batch of what was received, or puts it behind what waits already.
  private func keepReceived() {
    guard inbox == nil, !life.runsUserCode, staged == nil else { return keepInInbox(context.received.bytes) }
    let scan = self.scan(context.received.bytes)
    if scan.frames > 0 { staged = context.received.take(scan.bytes, frames: scan.frames) }
    if scan.error == nil { keepInInbox(context.received.bytes) } else { life.end(.oversize) }
  }

  private func keepInInbox(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 0 else { return }
    if inbox == nil { inbox = ByteBuffer(bytes: bytes) } else { inbox?.writeBytes(bytes) }
  }

  /// Makes the next batch of what waits in the inbox.
  func stageInbox() {
    guard staged == nil, !isWaitingForWorker, !life.runsUserCode, var bytes = inbox else { return }
    inbox = nil
    let scan = bytes.withUnsafeReadableBytes { self.scan($0) }
    if scan.frames > 0, let frames = bytes.readSlice(length: scan.bytes) {
      staged = Batch(chunk: Chunk(sharing: frames), start: 0, end: scan.bytes, count: scan.frames)
    }
    guard scan.error == nil else { return life.end(.oversize) }
    if bytes.readableBytes > 0 { inbox = bytes }
  }

  /// Counts the whole frames at the beginning of `bytes`, as many as the worker has room for; the room is taken.
  private func scan(_ bytes: UnsafeRawBufferPointer) -> FrameDecoder.Scan {
    let decoder = FrameDecoder(pack, maxPacketSize: server.settings.maxPacketSize.load(ordering: .relaxed))
    var scan = decoder.scan(bytes)
    if let worker, scan.frames > 0 {
      let limit = server.settings.maxWorkerTaskLen.load(ordering: .relaxed)
      let granted = worker.reserve(scan.frames, limit: limit)
      if granted < scan.frames { scan = decoder.scan(bytes, limit: granted) }
      if granted == 0 {
        isWaitingForWorker = true
        worker.notifyWhenRoom(self, limit: limit)
      }
    }
    nextFrame = scan.nextFrame
    return scan
  }

  /// The worker has room again. Any thread.
  func workerHasRoom() {
    context.loop.execute {
      self.isWaitingForWorker = false
      self.advance()
    }
  }

  /// The peer's end of stream.
  private func peerClosed() {
    // What waits for the running user code may hold a header that will be refused: the reason does not depend on who is first.
    let decoder = FrameDecoder(pack, maxPacketSize: server.settings.maxPacketSize.load(ordering: .relaxed))
    let rest = inbox ?? ByteBuffer()
    let scan = decoder.scan(rest)
    if scan.error != nil { life.end(.oversize) }
    life.peerClosed(insideFrame: rest.readableBytes > scan.bytes)
    advance()
  }

  /// Reads and drops what a peer sends that does not know yet that we have ended.
  private func discard() {
    context.received.prepare()
    let count = context.received.receive(descriptor, upTo: .max)
    if count == 0 { life.peerClosed(insideFrame: false) }
    if count < 0, errno != EAGAIN { life.broke() }
    if count <= 0 { advance() }
  }

  // MARK: When to read

  /// Asks epoll for what matters now. Not reading is how a peer is slowed down: its own sends block in the end.
  func updateInterest() {
    guard isRegistered else { return }
    let reads = life.phase == .lingering || (life.reads && hasRoom)
    // Only a queue that is not empty can be blocked; so most connections never look under the lock.
    let mayWrite = interest.isWritable || queuedMessages.load(ordering: .relaxed) > 0
    let writes = mayWrite && outbox.withLock { $0.blockedSince != nil }
    guard reads != interest.isReadable || writes != interest.isWritable else { return }
    interest = Readiness(rawValue: (reads ? Readiness.readable.rawValue : 0) | (writes ? Readiness.writable.rawValue : 0))
    context.loop.change(descriptor, to: interest)
  }

  private var hasRoom: Bool {
    !isWaitingForWorker && (inbox?.readableBytes ?? 0) < max(Self.inboxLimit, nextFrame) && !isQueueFull
  }

  /// Whether the kernel leaves the queue full. One that nobody has tried to write yet does not count: no event would follow when it is.
  private var isQueueFull: Bool {
    queuedMessages.load(ordering: .relaxed) >= server.settings.maxMsgChanLen.load(ordering: .relaxed)
      && outbox.withLock { $0.blockedSince != nil }
  }
}
