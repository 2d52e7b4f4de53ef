import NIOCore
import ZinxWire

/// A charging station's protocol: three kinds of frame on one stream, with junk between them. The whole frame is the data.
///
/// - 20 hexadecimal digits that begin with `89`: the card that the station is reached by
/// - `link`: a sign of life
/// - `DNY`, u16 LE length of what follows, u32 LE device, u16 LE message number, u8 command, data, u16 LE sum of all bytes before it
public struct StationCodec: FrameCodec {
  public static let cardID: UInt32 = 0xFF01
  public static let linkID: UInt32 = 0xFF02
  /// Of frames with a wrong sum, for a route that tells of them.
  public static let malformedID: UInt32 = 0xFF03
  static let cardLength = 20
  static let headerLength = 5
  /// Device, number, command and sum.
  static let shortestBody = 9

  public let name = "station"

  public init() {}

  public func decode(_ bytes: Span<UInt8>) -> FrameStep {
    switch bytes[0] {
    case UInt8(ascii: "l") where bytes.agrees(with: "link"):
      return bytes.count < 4 ? .more(length: 4) : .message(length: 4, id: Self.linkID, data: 0..<4)
    case UInt8(ascii: "8") where isCard(bytes):
      let length = Self.cardLength
      return bytes.count < length ? .more(length: length) : .message(length: length, id: Self.cardID, data: 0..<length)
    case UInt8(ascii: "D") where bytes.agrees(with: "DNY"): return command(bytes)
    default: return .skip(junk(bytes))
    }
  }

  public func encode(id: UInt32, data: ByteBuffer, into frame: inout ByteBuffer) { frame.writeImmutableBuffer(data) }

  private func command(_ bytes: Span<UInt8>) -> FrameStep {
    guard let body = bytes.number(at: 3, .little, as: UInt16.self) else { return .more(length: nil) }
    guard body >= Self.shortestBody else { return .broken("a length that leaves no room for a command") }
    let length = Self.headerLength + Int(body)
    guard bytes.count >= length else { return .more(length: length) }
    var sum: UInt16 = 0
    for index in 0..<length - 2 { sum &+= UInt16(bytes[index]) }
    let isRight = bytes.number(at: length - 2, .little, as: UInt16.self) == sum
    return .message(length: length, id: isRight ? UInt32(bytes[11]) : Self.malformedID, data: 0..<length)
  }

  private func isCard(_ bytes: Span<UInt8>) -> Bool {
    guard bytes.agrees(with: "89") else { return false }
    for index in 0..<min(bytes.count, Self.cardLength) where !Character(UnicodeScalar(bytes[index])).isHexDigit { return false }
    return true
  }

  /// Bytes up to where the next frame may begin.
  private func junk(_ bytes: Span<UInt8>) -> Int {
    var index = 1
    while index < bytes.count, ![UInt8(ascii: "l"), UInt8(ascii: "8"), UInt8(ascii: "D")].contains(bytes[index]) { index += 1 }
    return index
  }
}
