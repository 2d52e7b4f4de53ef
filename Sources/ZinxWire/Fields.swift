import NIOCore

/// Numbers one after the other, for codecs: the length is checked, and memory found, once for all of them. `ByteBuffer` does it for each,
/// which costs a small message more than everything else that is done for it.
extension ByteBuffer {
  /// Takes numbers from the front: `(x, y) = try data.readFields(bytes: 8) { ($0.take(), $0.take()) }`.
  ///
  /// - Parameter bytes: What `body` takes; it may take less, and must not take more, which ends the process.
  ///
  /// Throws: ``PayloadError/truncated`` when there are fewer; nothing is taken then.
  @inlinable @inline(__always)
  public mutating func readFields<Value>(
    bytes: Int, endianness: Endianness = .little, _ body: (inout FieldReader) -> Value
  ) throws(PayloadError) -> Value {
    let value: Value? = withUnsafeReadableBytes { memory in
      guard memory.count >= bytes, let base = memory.baseAddress else { return nil }
      var reader = FieldReader(position: base, left: bytes, isSwapped: endianness != .host)
      return body(&reader)
    }
    guard let value else { throw .truncated }
    moveReaderIndex(forwardBy: bytes)
    return value
  }

  /// Appends numbers: `data.writeFields(bytes: 8) { $0.put(x); $0.put(y) }`.
  ///
  /// - Parameter bytes: What `body` puts; it may put less, and must not put more, which ends the process.
  @inlinable @inline(__always)
  public mutating func writeFields(bytes: Int, endianness: Endianness = .little, _ body: (inout FieldWriter) -> Void) {
    writeWithUnsafeMutableBytes(minimumWritableBytes: bytes) { memory in
      guard let base = memory.baseAddress else { return 0 }
      var writer = FieldWriter(position: base, left: bytes, isSwapped: endianness != .host)
      body(&writer)
      return bytes - writer.left
    }
  }
}

// The pointers of both are valid while the closure runs that gets them, and what is left there is counted: `put` and `take` check it.

/// See ``NIOCore/ByteBuffer/readFields(bytes:endianness:_:)``.
public struct FieldReader: ~Copyable {
  @usableFromInline var position: UnsafeRawPointer
  @usableFromInline var left: Int
  @usableFromInline let isSwapped: Bool

  @inlinable
  init(position: UnsafeRawPointer, left: Int, isSwapped: Bool) {
    (self.position, self.left, self.isSwapped) = (position, left, isSwapped)
  }

  @inlinable @inline(__always)
  public mutating func take<Number: FixedWidthInteger>(_: Number.Type = Number.self) -> Number {
    left -= MemoryLayout<Number>.size
    precondition(left >= 0, "more is taken than was said")
    defer { position += MemoryLayout<Number>.size }
    let number = position.loadUnaligned(as: Number.self)
    return isSwapped ? number.byteSwapped : number
  }
}

/// See ``NIOCore/ByteBuffer/writeFields(bytes:endianness:_:)``.
public struct FieldWriter: ~Copyable {
  @usableFromInline var position: UnsafeMutableRawPointer
  @usableFromInline var left: Int
  @usableFromInline let isSwapped: Bool

  @inlinable
  init(position: UnsafeMutableRawPointer, left: Int, isSwapped: Bool) {
    (self.position, self.left, self.isSwapped) = (position, left, isSwapped)
  }

  @inlinable @inline(__always)
  public mutating func put<Number: FixedWidthInteger>(_ number: Number) {
    left -= MemoryLayout<Number>.size
    precondition(left >= 0, "more is put than was said")
    position.storeBytes(of: isSwapped ? number.byteSwapped : number, as: Number.self)
    position += MemoryLayout<Number>.size
  }
}
