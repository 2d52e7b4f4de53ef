import NIOCore

/// Frames that are sent on a WebSocket: whole messages, those of clients masked (RFC 6455, section 5).
public enum WebSocketFrame {
  /// What a frame is.
  public enum Operation: UInt8, Sendable {
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10
  }

  /// A server's with this payload, of at most 125 bytes but for binary ones.
  public static func encoded(_ payload: ByteBuffer, _ operation: Operation = .binary) -> ByteBuffer {
    let count = payload.readableBytes
    var frame = ByteBufferAllocator().buffer(capacity: count + longestHeader)
    frame.writeWithUnsafeMutableBytes(minimumWritableBytes: longestHeader) { room in
      guard let start = room.baseAddress else { return 0 }
      return writeHeader(count, operation, to: start)
    }
    frame.writeImmutableBuffer(payload)
    return frame
  }

  /// Whether a frame carries a message, or a part of one: others are the protocol's own (section 5.5).
  public static func isMessage(_ frame: ByteBuffer) -> Bool {
    frame.getInteger(at: frame.readerIndex, as: UInt8.self).map { $0 & 0x08 == 0 } ?? false
  }

  /// Bytes of the longest header of a server.
  public static let longestHeader = 10

  /// Writes the header of a frame with a payload of `count` bytes, of at most ``longestHeader`` bytes. Returns how many they are: 2, 4 or
  /// 10. The memory has room for the longest.
  @inlinable @inline(__always)
  public static func writeHeader(_ count: Int, _ operation: Operation = .binary, to target: UnsafeMutableRawPointer) -> Int {
    target.storeBytes(of: 0x80 | operation.rawValue, as: UInt8.self)
    if count <= 125 {
      target.storeBytes(of: UInt8(truncatingIfNeeded: count), toByteOffset: 1, as: UInt8.self)
      return 2
    }
    return writeLongHeader(count, to: target)
  }

  @usableFromInline
  static func writeLongHeader(_ count: Int, to target: UnsafeMutableRawPointer) -> Int {
    let isMiddle = count <= 0xFFFF
    target.storeBytes(of: isMiddle ? 126 : 127, toByteOffset: 1, as: UInt8.self)
    if isMiddle {
      target.storeBytes(of: UInt16(truncatingIfNeeded: count).bigEndian, toByteOffset: 2, as: UInt16.self)
    } else {
      target.storeBytes(of: UInt64(count).bigEndian, toByteOffset: 2, as: UInt64.self)
    }
    return isMiddle ? 4 : 10
  }

  /// Appends a client's frame to a buffer.
  ///
  /// - Parameters:
  ///   - payload: At most 125 bytes but for a binary one.
  ///   - mask: Its bytes are those in memory. Nobody on the way may foresee it (section 10.3), so each frame has one of its own.
  public static func append(
    _ payload: UnsafeRawBufferPointer, _ operation: Operation = .binary, mask: UInt32, to frames: inout ByteBuffer
  ) {
    frames.writeWithUnsafeMutableBytes(minimumWritableBytes: longestHeader) { room in
      guard let start = room.baseAddress else { return 0 }
      let count = writeHeader(payload.count, operation, to: start)
      // The bit that says that a mask follows.
      room[1] |= 0x80
      return count
    }
    withUnsafeBytes(of: mask) { _ = frames.writeBytes($0) }
    frames.writeWithUnsafeMutableBytes(minimumWritableBytes: payload.count) { room in
      masked(payload, mask, into: room)
      return payload.count
    }
  }

  private static func masked(_ source: UnsafeRawBufferPointer, _ mask: UInt32, into target: UnsafeMutableRawBufferPointer) {
    let word = UInt64(mask) << 32 | UInt64(mask)
    var index = 0
    while index + 8 <= source.count {
      let masked = source.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ word
      target.storeBytes(of: masked, toByteOffset: index, as: UInt64.self)
      index += 8
    }
    withUnsafeBytes(of: mask) { mask in
      while index < source.count {
        target[index] = source[index] ^ mask[index & 3]
        index += 1
      }
    }
  }

  /// The last frame of all.
  public static func close(_ code: UInt16?) -> ByteBuffer {
    encoded(code.map { ByteBuffer(integer: $0) } ?? ByteBuffer(), .close)
  }

  /// Bytes of the frame at an index, header included; 0 without one.
  public static func length(in frames: ByteBuffer, at index: Int) -> Int {
    guard let short = frames.getInteger(at: index + 1, as: UInt8.self) else { return 0 }
    switch short {
    case 126: return frames.getInteger(at: index + 2, as: UInt16.self).map { 4 + Int($0) } ?? 0
    case 127: return frames.getInteger(at: index + 2, as: UInt64.self).flatMap { Int(exactly: $0) }.map { 10 + $0 } ?? 0
    default: return 2 + Int(short)
    }
  }

  /// Where the payload of a server's binary frame lies that the bytes begin with; nil for one that is none, or not whole.
  package static func payload(of bytes: UnsafeRawBufferPointer) -> Range<Int>? {
    guard bytes.count >= 2, bytes[0] & 0x0F == Operation.binary.rawValue else { return nil }
    var (start, count) = (2, Int(bytes[1] & 0x7F))
    if count >= 126 {
      let size = count == 126 ? 2 : 8
      start += size
      guard bytes.count >= start else { return nil }
      let length = bytes[2..<start].reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
      count = Int(clamping: length)
    }
    guard count <= bytes.count - start else { return nil }
    return start..<start + count
  }

  /// Whether a code may be in a frame: those of section 7.4.1 that are for that, those registered since, and those of applications.
  static func mayBeSent(closeCode: UInt16) -> Bool {
    switch closeCode {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}
