import NIOCore
import ZinxWire

/// What charging stations send, three kinds of frame on one stream, with junk between them:
///
/// - 20 hexadecimal digits that begin with `89`: the number of the SIM card that a station is reached by
/// - `link`: a sign of life
/// - `DNY`, the length of what follows (u16, little-endian as all numbers), an ``Order``, and the sum of all bytes before it (u16)
struct StationFrames: FrameCodec {
  /// Above those of the commands, which have one byte.
  static let simID: UInt32 = 0x100
  static let linkID: UInt32 = 0x101
  /// Of frames with a wrong sum.
  static let damagedID: UInt32 = 0x102

  let name = "station"

  func decode(_ bytes: Span<UInt8>) -> FrameStep {
    if bytes.agrees(with: "DNY") { return order(bytes) }
    if bytes.agrees(with: "link") { return whole(bytes, 4, Self.linkID) }
    if isSIM(bytes) { return whole(bytes, 20, Self.simID) }
    return .skip(1)
  }

  /// Puts head and sum around an order; the rest goes out as it is.
  func encode(id: UInt32, data: ByteBuffer, into frame: inout ByteBuffer) throws {
    guard id < Self.simID else {
      frame.writeImmutableBuffer(data)
      return
    }
    guard let length = UInt16(exactly: data.readableBytes + 2) else { throw FramingError("an order has 65533 bytes at most") }
    var order = ByteBuffer(string: "DNY")
    order.writeInteger(length, endianness: .little)
    order.writeImmutableBuffer(data)
    order.writeInteger(order.readableBytesView.reduce(0 as UInt16) { $0 &+ UInt16($1) }, endianness: .little)
    frame.writeImmutableBuffer(order)
  }

  private func order(_ bytes: Span<UInt8>) -> FrameStep {
    guard let count = bytes.number(at: 3, .little, as: UInt16.self) else { return .more(length: nil) }
    let length = 5 + Int(count)
    let data = 5..<length - 2
    guard data.count >= Order.headLength else { return .broken("a length without room for a command") }
    guard let sum = bytes.number(at: data.upperBound, .little, as: UInt16.self) else { return .more(length: length) }
    var right: UInt16 = 0
    for index in 0..<data.upperBound { right &+= UInt16(bytes[index]) }
    let command = UInt32(bytes[data.lowerBound + Order.headLength - 1])
    return .message(length: length, id: sum == right ? command : Self.damagedID, data: data)
  }

  private func whole(_ bytes: Span<UInt8>, _ length: Int, _ id: UInt32) -> FrameStep {
    bytes.count < length ? .more(length: length) : .message(length: length, id: id, data: 0..<length)
  }

  private func isSIM(_ bytes: Span<UInt8>) -> Bool {
    guard bytes.agrees(with: "89") else { return false }
    for index in 0..<min(20, bytes.count) where !Character(UnicodeScalar(bytes[index])).isHexDigit { return false }
    return true
  }
}
