import NIOCore
import ZinxIO

/// NIOCore, which lends us `ByteBuffer`, has a type of this name too.
typealias EventLoop = ZinxIO.EventLoop

/// What the connections of one event loop share: its buffers and its cork, so that an idle connection has none.
///
/// Unchecked: touched on the loop's thread only.
final class LoopContext: @unchecked Sendable {
  /// Bytes that one read takes at most.
  static let readSize = 128 << 10
  /// Batches up to this size are copied out of the big buffer: a handler that suspends then keeps little memory, and the copy costs
  /// less than the read it came with.
  static let smallBatch = 4 << 10

  /// Pieces of work for sleeping workers after which these are woken.
  private static let wakeAfter = 64

  let loop: EventLoop
  let cork = Cork()
  /// What the last read brought.
  @exclusivity(unchecked) var received = ByteBufferAllocator().buffer(capacity: readSize)
  /// Whether a batch holds a slice of `received`.
  @exclusivity(unchecked) private var isReceivedLent = false
  @exclusivity(unchecked) private var big = BufferRing(count: 8, capacity: readSize)
  @exclusivity(unchecked) private var small = BufferRing(count: 64, capacity: smallBatch)
  @exclusivity(unchecked) private var toFlush: [Connection] = []
  /// Sleeping workers that have got work; one that gets more of it stands here more than once.
  @exclusivity(unchecked) private var toWake: [Worker] = []

  init(_ loop: EventLoop) {
    self.loop = loop
    loop.onEach(job: { [cork] in cork.letGo() }, wake: { self.endOfWakeUp() })
  }

  /// Empties `received` for the next read.
  func prepareToReceive() {
    if isReceivedLent { big.exchange(&received) }
    isReceivedLent = false
    received.clear()
  }

  /// Takes the first `count` bytes out of `bytes`, as a slice, or a copy of a few.
  func take(_ count: Int, from bytes: inout ByteBuffer) -> ByteBuffer {
    guard count <= Self.smallBatch else {
      isReceivedLent = true
      return bytes.readSlice(length: count) ?? ByteBuffer()
    }
    return bytes.readWithUnsafeReadableBytes { bytes in
      (count, small.next { $0.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[..<count])) })
    }
  }

  /// Writes the connection's outbox at the end of this wake-up.
  func scheduleFlush(_ connection: Connection) { toFlush.append(connection) }

  /// Hands user code to a worker, which is woken at the end of this wake-up, or earlier when there is much to do.
  func submit(_ code: UserCode, of connection: Connection, to worker: Worker) {
    guard worker.submit(connection, code) else { return }
    toWake.append(worker)
    if toWake.count >= Self.wakeAfter { wakeWorkers() }
  }

  private func endOfWakeUp() {
    if !toWake.isEmpty { wakeWorkers() }
    if !toFlush.isEmpty { flushScheduled() }
  }

  private func wakeWorkers() {
    for worker in toWake { worker.wake() }
    toWake.removeAll(keepingCapacity: true)
  }

  private func flushScheduled() {
    let connections = toFlush
    toFlush.removeAll(keepingCapacity: connections.count <= 1024)
    for connection in connections { connection.flushOutbox() }
  }
}
