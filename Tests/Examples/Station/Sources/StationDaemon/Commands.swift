import NIOCore
import Zinx
import ZinxWire

/// A command that stations send.
struct Command: Sendable {
  let code: UInt8
  /// Bytes of data that it has at least.
  let size: Int
  /// Nil is no answer.
  let run: @Sendable (Stations, Order, Request) throws -> Order?
}

extension Stations {
  /// All of them. One that is not here is dropped, counted and told, as every message without a route.
  static let commands = [
    Command(code: 0x20, size: 1) { try $0.register($1, $2) },
    Command(code: 0x21, size: 2) { _, order, _ in order.answer(0) },
    Command(code: 0x02, size: 4) { try $0.presented($1, $2) },
    Command(code: 0x82, size: 1) { $0.ordered($1, $2) },
  ]

  /// Whose connection it is from here on: a station that comes again takes the place of the connection that it has lost.
  private func register(_ order: Order, _ request: Request) throws -> Order? {
    try request.connection.bind(user: Self.name(of: order.device), .replace())
    return order.answer(0)
  }

  /// Somebody holds a card to a station: the answer is 0 if it is known, and the station is told to charge.
  private func presented(_ order: Order, _ request: Request) throws -> Order? {
    var data = order.data
    guard let card = data.readInteger(endianness: .little, as: UInt32.self), cards.contains(card) else { return order.answer(1) }
    try request.reply(order.answer(0))
    var start = Order(device: order.device, number: order.number, command: 0x82)
    start.data.writeInteger(card, endianness: .little)
    try request.reply(UInt32(start.command), start)
    return nil
  }

  /// What has become of it.
  private func ordered(_ order: Order, _ request: Request) -> Order? {
    let isCharging = order.data.getInteger(at: order.data.readerIndex, as: UInt8.self) == 0
    request.connection.logMetadata["charging"] = "\(isCharging)"
    return nil
  }

  /// What operators call a station.
  static func name(of device: UInt32) -> String { String(device, radix: 16) }
}
