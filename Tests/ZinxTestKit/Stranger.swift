import ZinxWire

/// A client of another protocol, and what it sends first: as such clients were seen to, but for names and random numbers.
public struct Stranger: Sendable, CustomStringConvertible {
  public let description: String
  public let bytes: [UInt8]
  public let looksLike: Lookalike
  /// Bytes that have to be there to tell it.
  public let evidence: Int

  private init(_ description: String, _ bytes: [UInt8], _ looksLike: Lookalike, evidence: Int) {
    self.description = description
    self.bytes = bytes
    self.looksLike = looksLike
    self.evidence = evidence
  }

  private init(_ description: String, _ text: String, _ looksLike: Lookalike, evidence: Int) {
    self.init(description, Array(text.utf8), looksLike, evidence: evidence)
  }

  public static let all = [
    Self("curl", "GET / HTTP/1.1\r\nHost: localhost:7777\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n", .http, evidence: 4),
    Self("a form", "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na=b", .http, evidence: 5),
    Self(
      "curl --http2-prior-knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\u{12}\u{4}\0\0\0\0\0\0\u{3}\0\0\0d", .http2,
      evidence: 8),
    Self(
      "a browser that opens a WebSocket",
      "GET /socket HTTP/1.1\r\nHost: localhost:7777\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://localhost\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      .webSocket, evidence: 83),
    Self(
      "a library that opens a WebSocket", "GET / HTTP/1.1\r\nupgrade:\tWebSocket\r\nConnection: Upgrade\r\n\r\n", .webSocket,
      evidence: 34),
    Self("curl --haproxy-protocol", "PROXY TCP4 127.0.0.1 127.0.0.1 41494 7777\r\nGET / HTTP/1.1\r\n", .proxyV1, evidence: 7),
    Self("a proxy that does not know its client", "PROXY UNKNOWN\r\n", .proxyV1, evidence: 7),
    Self(
      "HAProxy, send-proxy-v2",
      [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, 0x21, 0x11, 0, 12, 127, 0, 0, 1, 127, 0, 0, 1, 0xA2, 0x16, 0x1E, 0x61],
      .proxyV2, evidence: 8),
    Self("OpenSSH", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u6\r\n", .ssh, evidence: 4),
    Self("an old SSH", "SSH-1.99-OpenSSH_3.9p1\n", .ssh, evidence: 4),
    Self(
      "openssl s_client",
      [0x16, 3, 1, 1, 0x24, 1, 0, 1, 0x20, 3, 3, 0x98, 0x98, 0xE3, 0x86, 0x12, 0x49, 1, 0xF6, 0xA0, 0x6B, 0x2E, 0x45, 0xA5],
      .tls, evidence: 6),
    Self(
      "openssl s_client -tls1_2", [0x16, 3, 1, 0, 0xB7, 1, 0, 0, 0xB3, 3, 3, 0x0E, 0x54, 0xDF, 0x46, 0x6D, 0xAC], .tls,
      evidence: 6),
    Self("mosquitto_pub", "\u{10}\u{C}\0\u{4}MQTT\u{4}\u{2}\0<\0\0", .mqtt, evidence: 8),
    Self(
      "an MQTT client with a long name",
      [0x10, 0x8C, 0x02, 0, 4] + Array("MQTT".utf8) + [5, 2, 0, 60, 0, 1, 0] + Array(repeating: 0x61, count: 256), .mqtt,
      evidence: 9),
    Self("an MQTT 3.1 client", "\u{10}\u{E}\0\u{6}MQIsdp\u{3}\u{2}\0<\0\0", .mqtt, evidence: 10),
  ]
}
