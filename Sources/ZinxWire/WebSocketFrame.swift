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
    var frame = ByteBufferAllocator().buffer(capacity: count + 10)
    frame.writeInteger(0x80 | operation.rawValue)
    switch count {
    case ...125: frame.writeInteger(UInt8(truncatingIfNeeded: count))
    case ...0xFFFF:
      frame.writeInteger(126 as UInt8)
      frame.writeInteger(UInt16(truncatingIfNeeded: count))
    default:
      frame.writeInteger(127 as UInt8)
      frame.writeInteger(UInt64(count))
    }
    frame.writeImmutableBuffer(payload)
    return frame
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
