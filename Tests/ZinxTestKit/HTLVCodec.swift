import NIOCore
import ZinxWire

/// Zinx's HTLV-CRC: a head of `A2`, the function, the length of the body, the body, and a CRC-16 of all before it, low byte first. Handlers
/// see the body, with the function as the id, and send bodies.
public struct HTLVCodec: FrameCodec {
  public let name = "htlv-crc"

  public init() {}

  public func decode(_ bytes: Span<UInt8>) -> FrameStep {
    guard bytes[0] == 0xA2 else { return .broken("a head that is not A2") }
    guard bytes.count >= 3 else { return .more(length: nil) }
    let body = 3..<3 + Int(bytes[2])
    let length = body.upperBound + 2
    guard bytes.count >= length else { return .more(length: length) }
    guard bytes.number(at: body.upperBound, .little) == Self.crc(bytes, body.upperBound) else {
      return .broken("a CRC that is wrong")
    }
    return .message(length: length, id: UInt32(bytes[1]), data: body)
  }

  public func encode(id: UInt32, data: ByteBuffer, into frame: inout ByteBuffer) throws {
    guard let function = UInt8(exactly: id), let length = UInt8(exactly: data.readableBytes) else {
      throw FramingError("a function and a length have one byte each")
    }
    frame.writeBytes([0xA2, function, length])
    frame.writeImmutableBuffer(data)
    let crc = frame.withUnsafeReadableBytes { bytes in
      bytes.withMemoryRebound(to: UInt8.self) { Self.crc($0.span, $0.count) }
    }
    frame.writeInteger(crc, endianness: .little)
  }

  /// CRC-16/MODBUS of the first bytes.
  private static func crc(_ bytes: Span<UInt8>, _ count: Int) -> UInt16 {
    var crc: UInt16 = 0xFFFF
    for index in 0..<count {
      crc ^= UInt16(bytes[index])
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xA001 : crc >> 1 }
    }
    return crc
  }
}
