import NIOCore
import Testing

@testable import ZinxWire

@Suite("The frames of a WebSocket")
struct WebSocketDecoderTests {
  typealias Fault = WebSocketDecoder.Fault

  /// A frame of a client.
  private static func frame(
    _ first: UInt8, _ payload: [UInt8], mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D], longForm: Int = 0
  ) -> [UInt8] {
    let count = payload.count
    let length: [UInt8] =
      switch (count, longForm) {
      case (...125, 0): [UInt8(count)]
      case (...0xFFFF, 0...2): [126] + [UInt8(count >> 8), UInt8(count & 0xFF)]
      default: [127] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }
      }
    return [first, length[0] | 0x80] + length.dropFirst() + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
  }

  /// What comes of bytes that arrive in pieces: the stream, the pings and the end.
  private static func decode(_ bytes: [UInt8], step: Int = .max) -> ([UInt8], [[UInt8]], WebSocketDecoder.End?, WebSocketDecoder)
  {
    var decoder = WebSocketDecoder()
    var (stream, pings): ([UInt8], [[UInt8]]) = ([], [])
    var rest = bytes[...]
    while !rest.isEmpty {
      var piece = Array(rest.prefix(step))
      rest = rest.dropFirst(step)
      let decoded = piece.withUnsafeMutableBytes { decoder.decode($0) }
      stream += piece.prefix(decoded.count)
      if let ping = decoded.ping { pings.append(ping) }
      if let end = decoded.end { return (stream, pings, end, decoder) }
    }
    return (stream, pings, nil, decoder)
  }

  private static let steps = [1, 2, 3, 5, 7, 8, 13, 64, 1000, Int.max]

  @Test(arguments: [0, 1, 7, 8, 9, 125, 126, 127, 1000, 0xFFFF, 0x10000, 100_001])
  func `have the stream in them, whatever their length and wherever they are cut`(count: Int) {
    let data = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
    let bytes = Self.frame(0x82, data) + Self.frame(0x82, data, mask: [1, 2, 3, 4])
    for step in Self.steps where step > 64 || count < 1000 {
      let (stream, pings, end, decoder) = Self.decode(bytes, step: step)
      #expect(stream == data + data)
      #expect(pings.isEmpty && end == nil && !decoder.isInsideFrame)
    }
  }

  @Test func `of one message are glued, with control frames between them`() {
    let bytes =
      Self.frame(0x02, [1, 2, 3]) + Self.frame(0x89, Array("?".utf8)) + Self.frame(0x00, []) + Self.frame(0x8A, [9])
      + Self.frame(0x80, [4, 5]) + Self.frame(0x82, [6])
    for step in Self.steps {
      let (stream, pings, end, decoder) = Self.decode(bytes, step: step)
      #expect(stream == [1, 2, 3, 4, 5, 6])
      #expect(pings == [Array("?".utf8)])
      #expect(end == nil && !decoder.isInsideFrame)
    }
  }

  @Test func `of which only a part has come are inside one`() {
    let bytes = Self.frame(0x02, [1, 2, 3]) + Self.frame(0x80, [4, 5])
    for count in 1..<bytes.count { #expect(Self.decode(Array(bytes.prefix(count))).3.isInsideFrame) }
    #expect(!Self.decode(bytes).3.isInsideFrame)
  }

  @Test func `that ask again and again are answered by the last one`() {
    let bytes = Self.frame(0x89, [1]) + Self.frame(0x89, []) + Self.frame(0x89, [UInt8](repeating: 3, count: 125))
    #expect(Self.decode(bytes).1 == [[UInt8](repeating: 3, count: 125)])
  }

  @Test(
    arguments: [
      (frame(0x81, [65]), Fault.text), (frame(0x01, [65]), .text), (frame(0xC2, []), .reserved), (frame(0xA2, []), .reserved),
      (frame(0x92, []), .reserved), (frame(0x83, []), .reserved), (frame(0x87, []), .reserved), (frame(0x8B, []), .reserved),
      (frame(0x8F, []), .reserved), ([0x82, 0x01, 65], .unmasked), ([0x88, 0x00], .unmasked), (frame(0x80, []), .fragment),
      (frame(0x00, []), .fragment), (frame(0x02, []) + frame(0x82, []), .fragment), (frame(0x09, []), .control),
      (frame(0x08, []), .control), (frame(0x89, [UInt8](repeating: 0, count: 126)), .control),
      (frame(0x82, [1], longForm: 1), .length), (frame(0x82, [UInt8](repeating: 0, count: 125), longForm: 2), .length),
      (frame(0x82, [UInt8](repeating: 0, count: 126), longForm: 3), .length),
      ([0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], .length), (frame(0x88, [3]), .closeCode),
      (frame(0x88, [0x03, 0xEC]), .closeCode), (frame(0x88, [0x03, 0xED]), .closeCode), (frame(0x88, [0x03, 0xEE]), .closeCode),
      (frame(0x88, [0x03, 0xF7]), .closeCode), (frame(0x88, [0, 1]), .closeCode), (frame(0x88, [0x0B, 0xB7]), .closeCode),
      (frame(0x88, [0x13, 0x88]), .closeCode), (frame(0x88, [0x03, 0xE8, 0xC3, 0x28]), .closeText),
      (frame(0x88, [0x03, 0xE8, 0xED, 0xA0, 0x80]), .closeText),
    ] as [([UInt8], Fault)])
  func `that no client may send are refused, and what came before them is there`(bytes: [UInt8], fault: Fault) {
    for step in Self.steps {
      let (stream, _, end, _) = Self.decode(Self.frame(0x82, [1, 2, 3]) + bytes, step: step)
      #expect(stream == [1, 2, 3], "\(step)")
      #expect(end == .failed(fault), "\(step)")
    }
  }

  @Test func `say which code they close with, and nothing counts behind that`() {
    for (payload, code) in [
      ([], nil), ([0x03, 0xE8], 1000), ([0x03, 0xE9] + Array("äöü".utf8), 1001), ([0x0B, 0xB8], 3000), ([0x13, 0x87], 4999),
      ([0x03, 0xF6], 1014),
    ] as [([UInt8], UInt16?)] {
      let (stream, _, end, _) = Self.decode(Self.frame(0x82, [1]) + Self.frame(0x88, payload) + [0xFF, 0xFF])
      #expect(stream == [1])
      #expect(end == .closed(code))
    }
  }

  @Test func `have the code that they are answered with`() {
    #expect(Fault.text.closeCode == 1003)
    #expect(Fault.closeText.closeCode == 1007)
    #expect(Fault.unmasked.closeCode == 1002)
    let all: [Fault] = [.text, .reserved, .unmasked, .fragment, .control, .length, .closeCode, .closeText]
    #expect(Set(all.map(\.description)).count == all.count)
  }

  @Test func `of the server are as short as they can be, and tell how long they are`() {
    for (count, header) in [
      (0, [0x82, 0]), (125, [0x82, 125]), (126, [0x82, 126, 0, 126]), (0xFFFF, [0x82, 126, 0xFF, 0xFF]),
      (0x10000, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] as [(Int, [UInt8])] {
      var frame = WebSocketFrame.encoded(ByteBuffer(repeating: 7, count: count))
      #expect(Array(frame.readableBytesView) == header + [UInt8](repeating: 7, count: count))
      #expect(WebSocketFrame.length(in: frame, at: 0) == frame.readableBytes)
      frame.writeInteger(0 as UInt8)
      #expect(WebSocketFrame.length(in: frame, at: 0) == frame.readableBytes - 1)
    }
    #expect(WebSocketFrame.length(in: ByteBuffer(), at: 0) == 0)
    #expect(Array(WebSocketFrame.close(1001).readableBytesView) == [0x88, 2, 0x03, 0xE9])
    #expect(Array(WebSocketFrame.close(nil).readableBytesView) == [0x88, 0])
  }
}
