import NIOCore

/// Buffers that are lent and used again in turn. One that is still held when its turn comes is left to its holder and replaced, which
/// is what clearing a `ByteBuffer` does; with a few more than are lent at a time, that is rare.
struct BufferRing {
  private let count: Int
  private let capacity: Int
  private var buffers: [ByteBuffer] = []
  private var turn = 0

  init(count: Int, capacity: Int) {
    self.count = count
    self.capacity = capacity
  }

  /// The buffer whose turn it is, emptied and then filled by `fill`.
  mutating func next(_ fill: (inout ByteBuffer) -> Void) -> ByteBuffer {
    advance()
    buffers[turn].clear(minimumCapacity: capacity)
    fill(&buffers[turn])
    return buffers[turn]
  }

  /// Puts a buffer that is lent into the ring, for the one whose turn it is.
  mutating func exchange(_ buffer: inout ByteBuffer) {
    advance()
    swap(&buffers[turn], &buffer)
  }

  /// Buffers are made when they are needed first.
  private mutating func advance() {
    turn = turn + 1 < count ? turn + 1 : 0
    if turn >= buffers.count {
      turn = buffers.count
      buffers.append(ByteBufferAllocator().buffer(capacity: capacity))
    }
  }
}
