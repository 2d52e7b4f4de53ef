import NIOCore
import SwiftProtobuf
import Zinx
import ZinxJSON
import ZinxProtobuf
import ZinxWire

/// Typed routes that are fed anything: each message is answered once, in order, with what it decodes to, or refused; the connection stays.
@Sendable func fuzzTyped(_ input: Input) {
  var input = input
  let setting = input.byte()
  let stream = Stream(&input)
  harnesses.exchange(stream, workers: Int(setting % 2)) { frame, answers in
    let data = UnsafeRawBufferPointer(rebasing: stream.bytes[frame.data])
    if let coded = coded(frame.id, data) {
      return coded.withUnsafeReadableBytes { stream.pack.encode(id: frame.id, data: $0, into: &answers) }
    } else if isCoded(frame.id) {
      return stream.pack.encode(id: ~frame.id, data: UnsafeRawBufferPointer(start: nil, count: 0), into: &answers)
    }
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

/// Whether an id is that of a value whose codec is a library's.
private func isCoded(_ id: UInt32) -> Bool { [7, 11, 15].contains(id % 16) }

/// What such a value is again once it has been read and written, without a server; nil for data that is none.
private func coded(_ id: UInt32, _ data: UnsafeRawBufferPointer) -> ByteBuffer? {
  func again<Value: Payload>(_ type: Value.Type) -> ByteBuffer? {
    var (read, written) = (ByteBuffer(bytes: data), ByteBuffer())
    guard let value = try? Value(decoding: &read) else { return nil }
    do { try value.encode(into: &written) } catch { require(false, "what was decoded can be encoded: \(error)") }
    return written
  }
  return switch id % 16 {
  case 7: again(Tree.self)
  case 11: again(Google_Protobuf_DescriptorProto.self)
  case 15: again(Score.self)
  default: nil
  }
}

/// JSON as deep as the bytes say. One member in an object: the order of several is not said.
private struct Tree: JSONPayload { var nodes: [Tree]? }

/// JSON with a value of each kind, one a message.
private enum Score: JSONPayload {
  case number(Double), whole(Int8), flag(Bool), text(String?), list([UInt64])
}

// A message with everything that Protobuf has: fields of each kind, messages in messages without end, required fields, extensions.
extension Google_Protobuf_DescriptorProto: @retroactive Payload {}
extension Google_Protobuf_DescriptorProto: @retroactive ProtobufPayload {}

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
  routes.route(7, Tree.self) { tree, request in try request.reply(request[Original.self] ?? 0, tree) }
  routes.route(15, Score.self, on: world) { _, score, request in try request.reply(request[Original.self] ?? 0, score) }
  routes.route(11, Google_Protobuf_DescriptorProto.self) { message, request in
    if message.field.isEmpty { await Task.yield() }
    try request.reply(request[Original.self] ?? 0, message)
  }
  routes.otherwise { request in
    let data = try request.decode(ByteBuffer.self)
    try request.reply(request[Original.self] ?? 0, data)
  }
}
