import NIOCore

/// Frames that a server sends on a WebSocket: whole messages, not masked (RFC 6455, section 5).
public enum WebSocketFrame {
  /// What a frame is.
  public enum Operation: UInt8, Sendable {
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10
  }

  /// One with this payload, of at most 125 bytes but for binary ones.
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

  /// Whether a code may be in a frame: those of section 7.4.1 that are for that, those registered since, and those of applications.
  static func mayBeSent(closeCode: UInt16) -> Bool {
    switch closeCode {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}
