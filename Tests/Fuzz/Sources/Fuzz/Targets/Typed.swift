import NIOCore
import Zinx
import ZinxWire

/// Typed routes that are fed anything: each message is answered once, in order, with what it decodes to, or refused; the connection stays.
@Sendable func fuzzTyped(_ input: Input) {
  var input = input
  let setting = input.byte()
  let stream = Stream(&input)
  harnesses.exchange(stream, workers: Int(setting % 2)) { frame, answers in
    let data = UnsafeRawBufferPointer(rebasing: stream.bytes[frame.data])
    let answer: UnsafeRawBufferPointer? =
      switch frame.id % 4 {
      case 0, 1: data.count < 6 ? nil : UnsafeRawBufferPointer(rebasing: data.prefix(6))
      // What is repaired was no text.
      case 2: String(decoding: data, as: UTF8.self).utf8.elementsEqual(data) ? data : nil
      default: data
      }
    if let answer {
      stream.pack.encode(id: frame.id, data: answer, into: &answers)
    } else {
      stream.pack.encode(id: ~frame.id, data: UnsafeRawBufferPointer(start: nil, count: 0), into: &answers)
    }
  }
}

private struct Place: Payload {
  let x: UInt32
  let y: UInt16

  init(decoding data: inout ByteBuffer) throws {
    guard let (x, y) = data.readMultipleIntegers(as: (UInt32, UInt16).self) else { throw PayloadError.truncated }
    (self.x, self.y) = (x, y)
  }

  func encode(into data: inout ByteBuffer) { data.writeMultipleIntegers(x, y) }
}

/// The same as fields.
private struct Spot: FieldPayload {
  let x: UInt32
  let y: UInt16

  static var encodedSize: Int { 6 }
  static var endianness: Endianness { .big }

  init(from fields: inout FieldReader) { (x, y) = (fields.take(), fields.take()) }

  func encode(to fields: inout FieldWriter) {
    fields.put(x)
    fields.put(y)
  }
}

private actor World {}

/// Every id is brought to one of a few routes, and answered with its own.
private enum Original: PropertyKey { typealias Value = UInt32 }

private let harnesses = Harnesses { routes in
  let world = World()
  routes.beforeRouting { request in
    request[Original.self] = request.id
    request.id %= 16
    return true
  }
  routes.onFailure { request, error in
    guard error is UndecodableMessage, let id = request[Original.self] else { throw error }
    try request.reply(~id, ByteBuffer())
  }
  routes.route(0, Place.self) { place, request in try request.reply(request[Original.self] ?? 0, place) }
  routes.route(4...5, Place.self, on: world) { _, place, request in try request.reply(request[Original.self] ?? 0, place) }
  routes.route(1, Place.self) { place, request in
    await Task.yield()
    try request.reply(request[Original.self] ?? 0, place)
  }
  routes.route(8, Spot.self) { spot, request in try request.reply(request[Original.self] ?? 0, spot) }
  routes.route(12...13, Spot.self, on: world) { _, spot, request in try request.reply(request[Original.self] ?? 0, spot) }
  routes.route(9, Spot.self) { spot, request in try await request.connection.sendBuffMsg(request[Original.self] ?? 0, spot) }
  routes.route(2, String.self) { text, request in try request.reply(request[Original.self] ?? 0, text) }
  routes.route(10, String.self, on: world) { _, text, request in try request.reply(request[Original.self] ?? 0, text) }
  routes.route(14, String.self) { text, request in
    await Task.yield()
    try request.reply(request[Original.self] ?? 0, text)
  }
  routes.route(6, String.self) { text, request in
    try await request.connection.sendBuffMsg(request[Original.self] ?? 0, text)
  }
  routes.otherwise { request in
    let data = try request.decode(ByteBuffer.self)
    try request.reply(request[Original.self] ?? 0, data)
  }
}
