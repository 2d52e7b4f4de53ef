import NIOCore
import ZinxWire

/// What is between the head and the sum of a `DNY` frame. Stations and server speak the same.
struct Order: Payload, Equatable {
  /// Device, number and command.
  static let headLength = 7

  var device: UInt32
  /// What an answer has in common with its question.
  var number: UInt16
  var command: UInt8
  var data = ByteBuffer()

  /// The answer to it.
  func answer(_ bytes: UInt8...) -> Order {
    Order(device: device, number: number, command: command, data: ByteBuffer(bytes: bytes))
  }
}

extension Order {
  init(decoding data: inout ByteBuffer) throws {
    guard let device = data.readInteger(endianness: .little, as: UInt32.self),
      let number = data.readInteger(endianness: .little, as: UInt16.self),
      let command = data.readInteger(as: UInt8.self)
    else { throw PayloadError.truncated }
    (self.device, self.number, self.command) = (device, number, command)
    self.data = data.readSlice(length: data.readableBytes) ?? ByteBuffer()
  }

  func encode(into data: inout ByteBuffer) {
    data.writeInteger(device, endianness: .little)
    data.writeInteger(number, endianness: .little)
    data.writeInteger(command)
    data.writeImmutableBuffer(self.data)
  }
}
