import NIOCore

/// A payload of numbers that always take the same room: the cheapest codec, for neither way needs a buffer.
///
/// ```swift
/// struct Move: FieldPayload {
///   var x, y: Int32
///
///   static var encodedSize: Int { 8 }
///
///   init(from fields: inout FieldReader) { (x, y) = (fields.take(), fields.take()) }
///
///   func encode(to fields: inout FieldWriter) {
///     fields.put(x)
///     fields.put(y)
///   }
/// }
/// ```
public protocol FieldPayload: Payload {
  /// Bytes of each value. Data that is longer is decoded, and the rest dropped, so that later versions of a message can be longer;
  /// shorter data is ``PayloadError/truncated``.
  static var encodedSize: Int { get }

  /// The order of the bytes of a number; little-endian by default.
  static var endianness: Endianness { get }

  /// Takes a value, at most `encodedSize` bytes of it: what is taken beyond them is 0, and the data is ``PayloadError/truncated`` then,
  /// whatever this makes of it. Any thread.
  ///
  /// Throws: whatever says what is wrong with the numbers, such as ``PayloadError``.
  init(from fields: inout FieldReader) throws

  /// Puts the value, at most `encodedSize` bytes of it: one that puts more is not sent, and whoever sends it is told by
  /// ``PayloadError/tooLong``. What is not put is 0. Any thread.
  func encode(to fields: inout FieldWriter)
}

extension FieldPayload {
  @inlinable @inline(__always)
  public static var endianness: Endianness { .little }

  @inlinable
  public init(decoding data: inout ByteBuffer) throws {
    self = try data.withUnsafeReadableBytes { try Self._decode($0) { ByteBuffer() } }
    data.moveReaderIndex(forwardBy: Self.encodedSize)
  }

  @inlinable
  public func encode(into data: inout ByteBuffer) throws {
    var fits = true
    data.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.encodedSize) { memory in
      fits = put(into: memory)
      return fits ? Self.encodedSize : 0
    }
    guard fits else { throw PayloadError.tooLong }
  }

  @inlinable @inline(__always)
  public static func _decode(_ bytes: UnsafeRawBufferPointer, _: () -> ByteBuffer) throws -> Self {
    guard bytes.count >= encodedSize else { throw PayloadError.truncated }
    var reader = FieldReader(UnsafeRawBufferPointer(rebasing: bytes.prefix(encodedSize)), endianness)
    do {
      let value = try Self(from: &reader)
      if !reader.isOverrun { return value }
    } catch  where !reader.isOverrun { throw error } catch {
      // What it says of zeros that nobody sent would mislead.
    }
    throw PayloadError.truncated
  }

  @inlinable @inline(__always)
  public func _withBytes(_ body: (UnsafeRawBufferPointer) -> Bool) -> Bool {
    // Not where it is sent from: what encodes may send something else in between.
    withUnsafeTemporaryAllocation(byteCount: Self.encodedSize, alignment: 8) { memory in
      // One that does not fit says so by way of the buffer.
      put(into: memory) && body(UnsafeRawBufferPointer(memory))
    }
  }

  /// Returns whether the value has no more than `encodedSize` bytes, which `memory` holds at least.
  @inlinable @inline(__always)
  func put(into memory: UnsafeMutableRawBufferPointer) -> Bool {
    let memory = UnsafeMutableRawBufferPointer(rebasing: memory.prefix(Self.encodedSize))
    var writer = FieldWriter(memory, Self.endianness)
    encode(to: &writer)
    writer.putZeros()
    return !writer.isOverrun
  }
}

/// Numbers one after the other, for codecs: the length is checked, and memory found, once for all of them. `ByteBuffer` does it for each,
/// which costs a small message more than everything else that is done for it.
extension ByteBuffer {
  /// Takes numbers from the front: `(x, y) = try data.readFields(bytes: 8) { ($0.take(), $0.take()) }`.
  ///
  /// - Parameter bytes: What `body` takes; it may take less. What it takes beyond them is 0.
  ///
  /// Throws: ``PayloadError/truncated`` when there are fewer, or `body` takes more; nothing is taken then.
  @inlinable @inline(__always)
  public mutating func readFields<Value>(
    bytes: Int, endianness: Endianness = .little, _ body: (inout FieldReader) -> Value
  ) throws(PayloadError) -> Value {
    let value: Value? = withUnsafeReadableBytes { memory in
      // A number that the peer has sent, and its plugin not looked at, may be below zero.
      guard bytes >= 0, memory.count >= bytes else { return nil }
      var reader = FieldReader(UnsafeRawBufferPointer(rebasing: memory.prefix(bytes)), endianness)
      let value = body(&reader)
      return reader.isOverrun ? nil : value
    }
    guard let value else { throw .truncated }
    moveReaderIndex(forwardBy: bytes)
    return value
  }

  /// Appends numbers: `try data.writeFields(bytes: 8) { $0.put(x); $0.put(y) }`.
  ///
  /// - Parameter bytes: What `body` puts; it may put less.
  ///
  /// Throws: ``PayloadError/tooLong`` when it puts more; nothing is appended then.
  @inlinable @inline(__always)
  public mutating func writeFields(
    bytes: Int, endianness: Endianness = .little, _ body: (inout FieldWriter) -> Void
  ) throws(PayloadError) {
    guard bytes >= 0 else { throw .tooLong }
    var isOverrun = false
    writeWithUnsafeMutableBytes(minimumWritableBytes: bytes) { memory in
      var writer = FieldWriter(UnsafeMutableRawBufferPointer(rebasing: memory.prefix(bytes)), endianness)
      body(&writer)
      isOverrun = writer.isOverrun
      return isOverrun ? 0 : bytes - writer.left
    }
    if isOverrun { throw .tooLong }
  }
}

// The memory of both is valid while the function runs that gets them, and what is left of it is counted: `take` and `put` check it. How
// many numbers there are may hang on one that a peer has sent, so who asks for more than there is is told afterwards: to ask costs no
// number more than before, and ends no process.

/// Where numbers are taken from: see ``FieldPayload``.
public struct FieldReader: ~Copyable {
  @usableFromInline var position: UnsafeRawPointer?
  /// Bytes that can still be taken; below zero once more were wanted than there are.
  @usableFromInline var left: Int
  @usableFromInline let isBigEndian: Bool

  @inlinable
  init(_ memory: UnsafeRawBufferPointer, _ endianness: Endianness) {
    (position, left, isBigEndian) = (memory.baseAddress, memory.count, endianness == .big)
  }

  @inlinable @inline(__always)
  var isOverrun: Bool { left < 0 }

  /// The next number; 0 where fewer bytes are left than it has, and whatever is decoded is ``PayloadError/truncated`` then.
  @inlinable @inline(__always)
  public mutating func take<Number: FixedWidthInteger>(_: Number.Type = Number.self) -> Number {
    let size = MemoryLayout<Number>.size
    guard size <= left, let position else {
      left = -1
      return 0
    }
    self.position = position + size
    left &-= size
    let number = position.loadUnaligned(as: Number.self)
    return isBigEndian ? Number(bigEndian: number) : Number(littleEndian: number)
  }

  /// The next numbers, as many as the peer has sent word of: none where there are fewer, and whatever is decoded is
  /// ``PayloadError/truncated`` then. A loop of ``take(_:)`` would run for as long as the peer says.
  @inlinable
  public mutating func take<Number: FixedWidthInteger>(count: Int, of _: Number.Type = Number.self) -> [Number] {
    guard count >= 0, count <= max(0, left) / MemoryLayout<Number>.size else {
      left = -1
      return []
    }
    return (0..<count).map { _ in take() }
  }
}

/// Where numbers are put: see ``FieldPayload``.
public struct FieldWriter: ~Copyable {
  @usableFromInline var position: UnsafeMutableRawPointer?
  /// Bytes that can still be put; below zero once more were than there is room for.
  @usableFromInline var left: Int
  @usableFromInline let isBigEndian: Bool

  @inlinable
  init(_ memory: UnsafeMutableRawBufferPointer, _ endianness: Endianness) {
    (position, left, isBigEndian) = (memory.baseAddress, memory.count, endianness == .big)
  }

  @inlinable @inline(__always)
  var isOverrun: Bool { left < 0 }

  /// The next number. Where fewer bytes are left than it has nothing is put, and the value is ``PayloadError/tooLong``.
  @inlinable @inline(__always)
  public mutating func put<Number: FixedWidthInteger>(_ number: Number) {
    let size = MemoryLayout<Number>.size
    guard size <= left, let position else {
      left = -1
      return
    }
    position.storeBytes(of: isBigEndian ? number.bigEndian : number.littleEndian, as: Number.self)
    self.position = position + size
    left &-= size
  }

  /// Puts zeros for the rest.
  @inlinable @inline(__always)
  mutating func putZeros() {
    guard left > 0, let position else { return }
    position.initializeMemory(as: UInt8.self, repeating: 0, count: left)
    left = 0
  }
}
