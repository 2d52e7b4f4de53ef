import NIOCore

extension DataPack {
  /// Appends a whole frame to `buffer`.
  ///
  /// `data` holds at most `UInt32.max` bytes, which is more than a `ByteBuffer` can hold.
  @inlinable
  public func encode(id: UInt32, data: ByteBuffer, into buffer: inout ByteBuffer) {
    data.withUnsafeReadableBytes { encode(id: id, data: $0, into: &buffer) }
  }

  /// Appends a whole frame to `buffer`. `data` holds at most `UInt32.max` bytes.
  @inlinable
  public func encode(id: UInt32, data: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) {
    let length = Self.headerLength + data.count
    // One reservation and one pass for header and data; this runs once for every message sent.
    buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { target in
      target.storeBytes(of: FrameHeader(id: id, length: UInt32(data.count)).rawHeader(self), as: UInt64.self)
      UnsafeMutableRawBufferPointer(rebasing: target[Self.headerLength...]).copyMemory(from: data)
      return length
    }
  }

  /// A frame in a buffer of its own, for a message that goes to many.
  public func encoded(_ message: Message) -> ByteBuffer {
    var buffer = ByteBufferAllocator().buffer(capacity: Self.headerLength + message.data.readableBytes)
    encode(id: message.id, data: message.data, into: &buffer)
    return buffer
  }
}
