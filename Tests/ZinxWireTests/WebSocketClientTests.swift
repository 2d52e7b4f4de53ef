import NIOCore
import Testing

@testable import ZinxWire

@Suite("What a client of WebSocket sends and reads")
struct WebSocketClientTests {
  private static func frame(_ payload: [UInt8], _ operation: WebSocketFrame.Operation = .binary, mask: UInt32) -> [UInt8] {
    var frames = ByteBuffer()
    payload.withUnsafeBytes { WebSocketFrame.append($0, operation, mask: mask, to: &frames) }
    return Array(frames.readableBytesView)
  }

  private static func decode(_ bytes: [UInt8], of sender: WebSocketDecoder.Sender) -> ([UInt8], WebSocketDecoder.Decoded) {
    var (bytes, decoder) = (bytes, WebSocketDecoder(of: sender))
    let decoded = bytes.withUnsafeMutableBytes { decoder.decode($0) }
    return (Array(bytes.prefix(decoded.count)), decoded)
  }

  @Test func `is masked with the bytes of the mask in turn`() {
    let mask = UInt32(bigEndian: 0x37FA_213D)
    #expect(Self.frame(Array("Hello".utf8), mask: mask) == [0x82, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
  }

  @Test(arguments: [0, 1, 7, 8, 9, 125, 126, 127, 0xFFFF, 0x10000, 100_001])
  func `is read by a server as it was, whatever its length`(count: Int) {
    let data = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
    let bytes = Self.frame(data, mask: 0xDEAD_BEEF)
    #expect(bytes.count == count + (count < 126 ? 6 : count < 0x10000 ? 8 : 14))
    let (stream, decoded) = Self.decode(bytes, of: .client)
    #expect(stream == data && decoded.end == nil)
  }

  @Test(arguments: [0, 1, 125, 126, 0xFFFF, 0x10000])
  func `of a server is not masked, and read wherever it is cut`(count: Int) {
    let data = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 13) }
    let bytes = Array(WebSocketFrame.encoded(ByteBuffer(bytes: data)).readableBytesView)
    for cut in [0, 1, 2, 3, 4, 5, 9, 10, 11, bytes.count - 1] where (0...bytes.count).contains(cut) {
      var decoder = WebSocketDecoder(of: .server)
      var stream: [UInt8] = []
      for part in [bytes[..<cut], bytes[cut...]] {
        var part = Array(part)
        let decoded = part.withUnsafeMutableBytes { decoder.decode($0) }
        #expect(decoded.end == nil)
        stream += part.prefix(decoded.count)
      }
      #expect(stream == data && !decoder.isInsideFrame)
    }
  }

  @Test func `of a server that is masked ends it, as one of a client that is not`() {
    #expect(Self.decode(Self.frame([1], mask: 7), of: .server).1.end == .failed(.masked))
    let plain = Array(WebSocketFrame.encoded(ByteBuffer(bytes: [1])).readableBytesView)
    #expect(Self.decode(plain, of: .client).1.end == .failed(.unmasked))
  }

  // MARK: The request and its answer

  /// As RFC 6455, 1.3 has it.
  private static let upgrade = WebSocketUpgrade(
    host: "server.example:8080", target: "/chat?room=1", nonce: Array("the sample nonce".utf8))
  private static let good =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n"
    + "Sec-WebSocket-Accept: AQAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"

  private static func read(_ text: String) -> WebSocketUpgrade.Answer {
    // A digest that shows whether it was asked of the key and the constant of the RFC.
    Array(text.utf8).withUnsafeBytes {
      upgrade.read($0) { bytes in
        [bytes == Array("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8) ? 1 : 0]
          + [UInt8](repeating: 0, count: 19)
      }
    }
  }

  @Test func `asks for a path with a key of its own`() {
    let request = Self.upgrade.request
    guard case .request(let seen) = request.withUnsafeBytes(WebSocketRequest.read) else {
      Issue.record("no request")
      return
    }
    #expect(seen.path == "/chat" && seen.query == "room=1" && seen["Host"] == "server.example:8080")
    #expect(seen["Sec-WebSocket-Key"] == "dGhlIHNhbXBsZSBub25jZQ==")
    var rules = WebSocketRules()
    rules.path = "/chat"
    #expect(rules.refusal(of: seen) == nil)
  }

  @Test func `takes the answer that proves that its key was read`() {
    let head = Self.good + "\r\n"
    #expect(Self.read(head + "frames") == .accepted(length: head.utf8.count))
    for count in 0..<head.utf8.count {
      #expect(Self.read(String(decoding: head.utf8.prefix(count), as: UTF8.self)) == .needsMore)
    }
  }

  static let refusals: [(String, WebSocketUpgrade.Fault)] = [
    ("\u{15}\0\0\0\u{2}\0\0\0Zinx", WebSocketUpgrade.Fault.notHTTP), ("SSH-2.0", .notHTTP),
    ("HTTP/1.1 404 Not Found\r\n\r\n", .notFound(path: "/chat?room=1")),
    ("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n\r\n", .status(426, reason: "Upgrade Required")),
    ("HTTP/1.1 302 \u{1B}[2JFound\r\n\r\n", .status(302, reason: "[2JFound")), ("HTTP/1.1 500\r\n\r\n", .status(500, reason: "")),
    ("HTTP/1.1 20 OK\r\n\r\n", .malformed("its first line is not HTTP/1.1 and a status")),
    ("HTTP/1.1 101 Yes\n\n", .malformed("a line does not end by CR LF")),
    ("HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\n\r\n", .notUpgraded(header: "Upgrade")),
    ("HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\n\r\n", .notUpgraded(header: "Connection")),
    ("HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", .wrongAccept),
    (good.replacing("AQAA", with: "AgAA") + "\r\n", .wrongAccept),
    (good + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", .unasked(header: "Sec-WebSocket-Extensions")),
    (good + "Sec-WebSocket-Protocol: chat\r\n\r\n", .unasked(header: "Sec-WebSocket-Protocol")),
    (good + "no header\r\n\r\n", .malformed("a header is malformed")),
    ("HTTP/1.1 101 Yes\r\nA: " + String(repeating: "b", count: 20_000), .malformed("it has more than 16384 bytes")),
  ]

  @Test(arguments: refusals)
  func `says why there is no WebSocket`(answer: String, fault: WebSocketUpgrade.Fault) {
    #expect(Self.read(answer) == .failed(fault))
    #expect(!fault.description.isEmpty)
  }
}
