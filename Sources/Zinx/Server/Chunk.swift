import NIOCore
import Synchronization

/// Memory that holds received bytes, for as long as a batch or a request of them is held.
///
/// Reached by pointer: a `ByteBuffer` counts references and checks for exclusive access at every look, which would cost a small
/// message more than everything else that is done for it. What user code keeps are `ByteBuffer`s: slices of the same memory.
///
/// Unchecked: the event loop that receives writes only where nothing was handed out yet, and starts over only when nobody else holds
/// the chunk; all others read.
@usableFromInline
final class Chunk: @unchecked Sendable {
  @exclusivity(unchecked) private var buffer: ByteBuffer
  /// Valid as long as the chunk: the memory of `buffer`, which nobody changes through it.
  @exclusivity(unchecked) private(set) var memory: UnsafeMutableRawBufferPointer
  /// Whether slices may outlive the chunk's other holders.
  @usableFromInline let isSliced = Atomic<Bool>(false)

  /// Room for `capacity` bytes, at least 1.
  init(capacity: Int) {
    buffer = ByteBufferAllocator().buffer(capacity: capacity)
    memory = Self.openUp(&buffer)
  }

  /// Shares the readable bytes of `data`, to be read only.
  init(sharing data: ByteBuffer) {
    buffer = data.slice()
    memory = buffer.withUnsafeReadableBytes { UnsafeMutableRawBufferPointer(mutating: $0) }
  }

  /// Makes all of the buffer's memory readable: what of it holds received bytes is known to those who hold ranges of it.
  private static func openUp(_ buffer: inout ByteBuffer) -> UnsafeMutableRawBufferPointer {
    buffer.moveWriterIndex(to: buffer.capacity)
    return buffer.withUnsafeMutableReadableBytes { $0 }
  }

  /// All of the memory, to be sliced for user code after ``willBeSliced()``.
  var whole: ByteBuffer { buffer }

  /// From here on slices may outlive the chunk's other holders.
  @inlinable
  func willBeSliced() { isSliced.store(true, ordering: .relaxed) }

  /// Makes the memory free to be written from its beginning; what slices still hold is left to them and replaced. For a chunk that
  /// nobody else holds.
  func startOver() {
    guard isSliced.load(ordering: .relaxed) else { return }
    isSliced.store(false, ordering: .relaxed)
    buffer.clear(minimumCapacity: memory.count)
    memory = Self.openUp(&buffer)
  }
}
