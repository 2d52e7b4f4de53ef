import NIOCore
import SwiftProtobuf
import Testing
import ZinxProtobuf
import ZinxTesting
import ZinxWire

@testable import WorldDaemon

/// Has itself in it, as deep as one likes.
extension Google_Protobuf_Value: @retroactive Payload {}
extension Google_Protobuf_Value: @retroactive ProtobufPayload {}

@Suite("Messages of Protobuf as payloads")
struct ProtobufPayloadTests {
  private let here = Position.with { ($0.x, $0.z) = (1.5, -2) }

  private func decode<Value: Payload>(_ bytes: [UInt8], as: Value.Type = Value.self) throws -> Value {
    var data = ByteBuffer(bytes: bytes)
    let value = try Value(decoding: &data)
    #expect(data.readableBytes == 0)
    return value
  }

  @Test func `a value has the bytes of Protobuf, also as a part of a buffer`() throws {
    var data = ByteBuffer(string: "before")
    try Broadcast.of(7, .moves, here).encode(into: &data)
    data.moveReaderIndex(forwardBy: 6)
    #expect(Array(data.readableBytesView) == [0x08, 7, 0x10, 4, 0x22, 10, 0x0D, 0, 0, 0xC0, 0x3F, 0x1D, 0, 0, 0, 0xC0])
    #expect(try Broadcast(decoding: &data) == .of(7, .moves, here))
    #expect(data.readableBytes == 0)
  }

  @Test func `no bytes are a message with its defaults`() throws { #expect(try decode([]) == Position()) }

  @Test func `fields that a type does not have are skipped, kept, and sent on`() throws {
    // Fields 1 and 9 of a later version.
    let bytes: [UInt8] = [0x08, 5, 0x4A, 2, 0x68, 0x69]
    let id: PlayerID = try decode(bytes)
    #expect(id.id == 5 && id != PlayerID.with { $0.id = 5 })
    #expect(try Array(ByteBuffer(encoding: id).readableBytesView) == bytes)
  }

  @Test(
    "bytes that are no message are not decoded",
    arguments: [
      [0xFF], [0x07], [0x0D, 0, 0], [0x22, 100, 1], [0x1A, 2, 0xC3, 0x28],
      [0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 1],
    ] as [[UInt8]])
  func garbage(bytes: [UInt8]) {
    var data = ByteBuffer(bytes: bytes)
    #expect(throws: BinaryDecodingError.self) { try Broadcast(decoding: &data) }
    #expect(throws: BinaryDecodingError.self) {
      try bytes.withUnsafeBytes { try Broadcast._decode($0) { ByteBuffer() } }
    }
  }

  @Test func `a message that is nested without end does not take the stack with it`() throws {
    func nested(_ depth: Int) throws -> ByteBuffer {
      var value = Google_Protobuf_Value()
      for _ in 0..<depth { value = .with { list in list.listValue = .with { $0.values = [value] } } }
      return try ByteBuffer(encoding: value)
    }
    var shallow = try nested(20)
    _ = try Google_Protobuf_Value(decoding: &shallow)
    var bytes: [UInt8] = []
    for _ in 0..<10_000 { bytes = Self.wrapped(field: 6, Self.wrapped(field: 1, bytes)) }
    var data = ByteBuffer(bytes: bytes)
    #expect(throws: BinaryDecodingError.messageDepthLimit) { try Google_Protobuf_Value(decoding: &data) }
  }

  private static func wrapped(field: UInt8, _ bytes: [UInt8]) -> [UInt8] {
    var (length, head) = (bytes.count, [field << 3 | 2])
    while length > 127 {
      head.append(UInt8(length & 127 | 128))
      length >>= 7
    }
    return head + [UInt8(length)] + bytes
  }

  @Test func `bytes at random are an error or a value, which stays the same when it is sent`() throws {
    var random = Random(state: 1)
    let tags: [UInt8] = [0x08, 0x10, 0x1A, 0x22, 0x28, 0, 2]
    var values = 0
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in
        // Tags and lengths that mean something, half of the time.
        Bool.random(using: &random) ? .random(in: .min ... .max, using: &random) : tags.randomElement(using: &random) ?? 0
      }
      var data = ByteBuffer(bytes: bytes)
      guard let value = try? Broadcast(decoding: &data) else { continue }
      values += 1
      var sent = try ByteBuffer(encoding: value)
      let first = sent
      #expect(try ByteBuffer(encoding: Broadcast(decoding: &sent)) == first)
    }
    #expect(values > 1000)
  }

  /// The same each time.
  private struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state ^ state >> 33) &* 0xFF51_AFD7_ED55_8CCD
    }
  }

  @Test func `a route takes and answers values, and what is none goes to the hook of failures`() async throws {
    let server = try await TestServer { routes in
      routes.route(1, Talk.self) { talk, request in Talk.with { $0.text = talk.text.uppercased() } }
      routes.onFailure { request, _ in try request.reply(400, "not understood") }
    }
    let peer = try await server.connect()
    #expect(try await peer.request(1, Talk.with { $0.text = "hi" }).value() == Talk.with { $0.text = "HI" })
    #expect(try await peer.request(1, ByteBuffer(bytes: [0xFF])).text == "not understood")
    #expect(try await peer.request(1, Talk()).value() == Talk())
    #expect(server.server.counters.undecodableMessages == 1 && peer.end == nil)
    await server.stop()
  }
}
