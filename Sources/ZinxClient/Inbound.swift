import NIOCore

/// Bytes received that are no whole message yet.
struct Inbound {
  /// Memory that an empty one may keep.
  private static let keptMemory = 16 * StreamSocket.bytesPerRead

  var buffer = ByteBuffer()

  /// Called when the whole messages at the beginning have been taken. A large message leaves a large buffer, which an idle connection
  /// should not keep; and while no read ends with a message, what was taken would stay in front, and grow.
  mutating func tidy() {
    guard buffer.readableBytes == 0 else {
      if buffer.readerIndex > buffer.readableBytes { buffer.discardReadBytes() }
      return
    }
    if buffer.capacity > Self.keptMemory { buffer = ByteBuffer() } else { buffer.clear() }
  }
}
