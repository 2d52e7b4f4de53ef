import NIOCore

/// Frames that tell their own length, in the terms of Netty and of Zinx. Offsets count from the beginning of a frame.
///
/// A frame ends `length + lengthAdjustment` bytes behind its length field. All of it is what a handler sees, but for what is stripped, and
/// what a handler sends is a whole frame too.
public struct LengthFieldFrames: Sendable, Hashable {
  /// Where the message id is.
  public enum ID: Sendable, Hashable {
    /// In a field of 1, 2, 3 or 4 bytes, in the order of the length.
    case field(offset: Int, size: Int)
    /// All messages have the same.
    case constant(UInt32)
  }

  /// Order of the bytes of length and id.
  public enum Order: String, Sendable, Hashable, CaseIterable {
    case bigEndian = "be"
    case littleEndian = "le"
  }

  /// What a length field may take.
  public static let lengthSizes = [1, 2, 3, 4, 8]
  /// What an id field may take: an id has 32 bits.
  public static let idSizes = [1, 2, 3, 4]
  /// The furthest that a field may begin, and the most that may be stripped.
  public static let mostOffset = 65535
  /// The most that may be added to or taken from a length.
  public static let mostAdjustment = 1 << 30

  public let lengthOffset: Int
  /// 1, 2, 3, 4 or 8.
  public let lengthSize: Int
  public let order: Order
  /// What is added to the length for a frame to end so many bytes behind the length field; below zero where the length counts bytes in
  /// front of that.
  public let lengthAdjustment: Int
  /// Bytes at the front that handlers do not see.
  public let strip: Int
  public let id: ID

  /// Throws: ``FramingError``, when sizes or offsets are not of those allowed, or no length makes a frame that holds its fields.
  public init(
    lengthOffset: Int, lengthSize: Int, order: Order = .bigEndian, lengthAdjustment: Int = 0, strip: Int = 0, id: ID
  ) throws(FramingError) {
    guard (0...Self.mostOffset).contains(lengthOffset) else { throw FramingError("the length is too far behind") }
    guard Self.lengthSizes.contains(lengthSize) else { throw FramingError("a length has 1, 2, 3, 4 or 8 bytes") }
    guard lengthAdjustment.magnitude <= Self.mostAdjustment else { throw FramingError("the adjustment is too large") }
    guard (0...Self.mostOffset).contains(strip) else { throw FramingError("too much is stripped") }
    if case .field(let offset, let size) = id {
      guard (0...Self.mostOffset).contains(offset) else { throw FramingError("the id is too far behind") }
      guard Self.idSizes.contains(size) else { throw FramingError("an id has 1, 2, 3 or 4 bytes") }
    }
    self.lengthOffset = lengthOffset
    self.lengthSize = lengthSize
    self.order = order
    self.lengthAdjustment = lengthAdjustment
    self.strip = strip
    self.id = id
    guard longestFrame >= Int128(shortestFrame) else { throw FramingError("no length makes a frame that holds its own fields") }
  }

  /// Where the length field ends: the bytes that tell how long a frame is.
  @inlinable
  public var lengthEnd: Int { lengthOffset + lengthSize }

  /// A frame holds its length, its id and what is stripped.
  @inlinable
  public var shortestFrame: Int {
    guard case .field(let offset, let size) = id else { return max(lengthEnd, strip) }
    return max(lengthEnd, strip, offset + size)
  }

  private var longestFrame: Int128 { Int128(lengthEnd) + (Int128(1) << (8 * lengthSize) - 1) + Int128(lengthAdjustment) }

  /// What stands at the beginning of `bytes`. No length overflows: the largest is 2^64 - 1.
  func step(_ bytes: UnsafeRawBufferPointer, maxPacketSize: Int) -> FrameFinding {
    guard bytes.count >= lengthEnd else { return .more(length: 0) }
    let length = Int128(lengthEnd) + Int128(number(bytes, at: lengthOffset, size: lengthSize)) + Int128(lengthAdjustment)
    guard length >= Int128(shortestFrame) else {
      return .wrong(.badFrame("a length that is shorter than the frame's own fields"))
    }
    guard length <= Int128(maxPacketSize) else { return .wrong(.oversizeFrame(length: UInt64(clamping: length))) }
    let frame = Int(length)
    guard bytes.count >= frame else { return .more(length: frame) }
    return .message(length: frame, id: id(of: bytes), data: strip..<frame)
  }

  private func id(of bytes: UnsafeRawBufferPointer) -> UInt32 {
    switch id {
    case .constant(let id): id
    case .field(let offset, let size): UInt32(truncatingIfNeeded: number(bytes, at: offset, size: size))
    }
  }

  /// The field lies in `bytes`, as the caller has checked.
  private func number(_ bytes: UnsafeRawBufferPointer, at offset: Int, size: Int) -> UInt64 {
    var number: UInt64 = 0
    for index in 0..<size {
      number = number << 8 | UInt64(bytes[offset + (order == .bigEndian ? index : size - 1 - index)])
    }
    return number
  }
}
