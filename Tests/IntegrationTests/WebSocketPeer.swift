import Testing
import Zinx
import ZinxTestKit

/// A client that speaks WebSocket over a raw peer or a session, so that a test decides which bytes go when.
final class WebSocketPeer {
  /// A frame of the server.
  struct Frame: Equatable {
    let first: UInt8
    let payload: [UInt8]

    /// That of a close frame; nil without one.
    var code: UInt16? { payload.count < 2 ? nil : UInt16(payload[0]) << 8 | UInt16(payload[1]) }
  }

  let raw: RawPeer
  let tls: TLSPeer?

  init(_ raw: RawPeer, tls: TLSPeer? = nil) { (self.raw, self.tls) = (raw, tls) }

  func send(_ bytes: [UInt8]) async throws { if let tls { try await tls.send(bytes) } else { try await raw.send(bytes) } }

  func receive(_ count: Int) async throws -> [UInt8] {
    if let tls { try await tls.receive(count) } else { try await raw.receive(count) }
  }

  static func request(_ path: String = "/", _ more: String = "") -> [UInt8] {
    Array(
      ("GET \(path) HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\(more)\r\n").utf8)
  }

  /// The head of the answer.
  func answer() async throws -> String {
    var bytes: [UInt8] = []
    while !bytes.ends(with: Array("\r\n\r\n".utf8)) { bytes += try await receive(1) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Becomes a WebSocket.
  func upgrade(_ path: String = "/", _ more: String = "") async throws {
    try await send(Self.request(path, more))
    let answer = try await answer()
    #expect(answer.hasPrefix("HTTP/1.1 101 "))
    #expect(answer.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
  }

  /// A masked frame.
  static func frame(_ first: UInt8, _ payload: [UInt8]) -> [UInt8] {
    let mask: [UInt8] = [1, 0x20, 0x7F, 0x80]
    let length: [UInt8] =
      payload.count < 126
      ? [UInt8(payload.count)]
      : payload.count < 0x10000
        ? [126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        : [127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
    return [first, length[0] | 0x80] + length.dropFirst() + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
  }

  func sendMessage(_ payload: [UInt8]) async throws { try await send(Self.frame(0x82, payload)) }

  func frame() async throws -> Frame {
    let head = try await receive(2)
    var length = Int(head[1])
    #expect(length < 128, "a server masks nothing")
    if length > 125 { length = try await receive(length == 126 ? 2 : 8).reduce(0) { $0 << 8 | Int($1) } }
    return Frame(first: head[0], payload: try await receive(length))
  }

  /// The next frame, which has to be a message with one of Zinx in it.
  func message() async throws -> RawFrame { Self.message(in: try await frame()) }

  static func message(in frame: Frame) -> RawFrame {
    #expect(frame.first == 0x82)
    let numbers = frame.payload.withUnsafeBytes {
      ($0.loadUnaligned(as: UInt32.self), $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    }
    #expect(Int(UInt32(littleEndian: numbers.0)) == frame.payload.count - 8)
    return RawFrame(UInt32(littleEndian: numbers.1), Array(frame.payload.dropFirst(8)))
  }

  func exchange(_ frame: RawFrame) async throws -> RawFrame {
    try await sendMessage(frame.bytes())
    return try await message()
  }
}

extension Array where Element == UInt8 {
  fileprivate func ends(with other: [UInt8]) -> Bool { count >= other.count && suffix(other.count).elementsEqual(other) }
}
