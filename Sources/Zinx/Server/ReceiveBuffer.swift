import CLinux
import ZinxIO
import ZinxTLS
import ZinxWire

/// Where an event loop receives: the free end of a chunk. Batches are handed out as they lie there, without a copy, and the next read
/// goes behind them. The chunk starts over as soon as nobody holds any of it, so a loop whose handlers do not wait uses the same few
/// kilobytes, warm in the cache, again and again.
///
/// Touched on the loop's thread only.
struct ReceiveBuffer {
  /// Bytes that one read takes at most.
  static let readSize = 128 << 10
  private static let chunkSize = 2 * readSize
  /// Full chunks that are kept to be used again once they are free.
  private static let spareChunks = 16

  private var chunk = Chunk(capacity: chunkSize)
  /// Bytes at the beginning of the chunk that batches hold.
  private var used = 0
  private var spare: [Chunk] = []
  /// What was received and not handed out, at the beginning of the free end.
  private var received = 0

  /// Forgets what was not handed out, and sees to it that a whole read finds room.
  mutating func prepare() {
    received = 0
    if isKnownUniquelyReferenced(&chunk) {
      chunk.startOver()
      used = 0
    } else if chunk.memory.count - used < Self.readSize {
      exchange()
    }
  }

  /// Puts bytes in front of what is received next.
  mutating func put(_ bytes: UnsafeRawBufferPointer) {
    let room = free
    guard bytes.count <= room.count else { return assertionFailure("more than a read") }
    room.copyMemory(from: bytes)
    received += bytes.count
  }

  /// Receives behind what is there, at most `limit` bytes. Returns what recv(2) does, and whether that was less than it was asked for:
  /// then the socket has no more bytes (epoll(7), on edge-triggered events).
  mutating func receive(_ descriptor: Int32, upTo limit: Int) -> (count: Int, isDrained: Bool) {
    let room = free
    let size = min(limit, room.count, Self.readSize)
    let count = retryingOnInterrupt { clinux_recv(descriptor, room.baseAddress, size) }
    guard count > 0 else { return (count, false) }
    received += count
    return (count, count < size)
  }

  /// Opens sealed bytes behind what is there. Returns how many plain ones they were, and what came after them.
  mutating func open(_ sealed: UnsafeRawBufferPointer, _ session: TLSSession) -> (count: Int, end: TLSSession.End?) {
    let (count, end) = session.open(sealed, into: free)
    received += count
    return (count, end)
  }

  /// Leaves of what was received from `start` on the stream that is in it.
  mutating func decode(from start: Int, _ decoder: inout WebSocketDecoder) -> WebSocketDecoder.Decoded {
    let room = UnsafeMutableRawBufferPointer(start: self.start.map { $0 + start }, count: received - start)
    let decoded = decoder.decode(room)
    received = start + decoded.count
    return decoded
  }

  /// What was put and received since ``prepare()``. Valid until the next call.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: received) }

  /// Hands out the first bytes as a batch.
  mutating func take(_ count: Int, frames: Int) -> Batch {
    defer {
      used += count
      received -= count
    }
    return Batch(chunk: chunk, start: used, end: used + count, count: frames)
  }

  /// Forgets the first bytes: they are part of no message.
  mutating func drop(_ count: Int) {
    used += count
    received -= count
  }

  private var start: UnsafeMutableRawPointer? { chunk.memory.baseAddress.map { $0 + used } }

  private var free: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: start.map { $0 + received }, count: chunk.memory.count - used - received)
  }

  /// Goes on with the first spare chunk that batches do not hold any more, or with a new one. Always the first: in turn, all of them
  /// would pass through the cache.
  private mutating func exchange() {
    used = 0
    for index in spare.indices where isKnownUniquelyReferenced(&spare[index]) {
      swap(&chunk, &spare[index])
      return chunk.startOver()
    }
    if spare.count < Self.spareChunks { spare.append(chunk) }
    chunk = Chunk(capacity: Self.chunkSize)
  }
}
