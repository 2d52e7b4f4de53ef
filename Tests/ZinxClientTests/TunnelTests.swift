import NIOCore
import Testing
import ZinxTLS
import ZinxTestKit
import ZinxWire

@testable import ZinxClient

/// Without a socket: the server is what a test says.
@Suite("What a client says and hears in WebSocket and TLS")
struct TunnelTests {
  /// A client's end, and what it has sent.
  final class Side {
    let tunnel: Tunnel
    var buffer = ByteBuffer()

    init(_ address: String, _ tls: TLSClientConfiguration = TLSClientConfiguration()) throws {
      let made = try Transport(ServerAddress(address), tls).tunnel()
      tunnel = try #require(made)
    }

    /// All that it has to say.
    func output() -> [UInt8] {
      var bytes: [UInt8] = []
      while tunnel.outputBytes > 0 {
        _ = tunnel.writeOutput {
          bytes += $0
          return $0.count
        }
      }
      return bytes
    }

    @discardableResult
    func receive(_ bytes: [UInt8]) -> Tunnel.Progress {
      var bytes = bytes
      return bytes.withUnsafeMutableBytes { tunnel.receive($0, into: &buffer) }
    }

    /// What has come of the stream.
    func stream() -> [UInt8] { buffer.readBytes(length: buffer.readableBytes) ?? [] }
  }

  /// A client of WebSocket that has been let in.
  private static func open() throws -> Side {
    let side = try Side("ws://game.example:8080/ws")
    #expect(side.tunnel.start() == .opening)
    #expect(side.receive(try answer(side.output())) == .open)
    return side
  }

  /// That of a server which has read the request.
  private static func answer(_ request: [UInt8]) throws -> [UInt8] {
    guard case .request(let seen) = request.withUnsafeBytes(WebSocketRequest.read) else { throw RawPeer.Failure.ended }
    #expect(seen.path == "/ws" && seen["Host"] == "game.example:8080")
    var rules = WebSocketRules()
    rules.path = "/ws"
    #expect(rules.refusal(of: seen) == nil)
    return rules.acceptance(of: seen, sha1: sha1)
  }

  private static func frame(_ payload: [UInt8], _ operation: WebSocketFrame.Operation = .binary) -> [UInt8] {
    Array(WebSocketFrame.encoded(ByteBuffer(bytes: payload), operation).readableBytesView)
  }

  /// The payload of frames of a client, and the end.
  private static func read(_ frames: [UInt8]) -> ([UInt8], WebSocketDecoder.End?) {
    var (frames, decoder) = (frames, WebSocketDecoder())
    let decoded = frames.withUnsafeMutableBytes { decoder.decode($0) }
    return (Array(frames.prefix(decoded.count)), decoded.end)
  }

  @Test func `is a stream in masked messages, and out of plain ones`() throws {
    let side = try Self.open()
    Array("hello".utf8).withUnsafeBytes { side.tunnel.send($0) }
    let sent = side.output()
    #expect(sent[0] == 0x82 && sent[1] == 0x85)
    #expect(Self.read(sent).0 == Array("hello".utf8))
    #expect(side.receive(Self.frame([1, 2]) + Self.frame([3])) == .open)
    #expect(side.stream() == [1, 2, 3])
  }

  @Test func `takes no more memory for more messages`() throws {
    let side = try Self.open()
    let data = [UInt8](repeating: 1, count: Tunnel.mostAtOnce)
    for _ in 0..<1000 {
      data.withUnsafeBytes { side.tunnel.send($0) }
      #expect(side.output().count == data.count + 14)
    }
    #expect(side.tunnel.memory <= 4 * Tunnel.mostAtOnce)
  }

  @Test func `masks no two messages alike`() throws {
    let side = try Self.open()
    var masks: Set<[UInt8]> = []
    for _ in 0..<200 {
      [UInt8(1)].withUnsafeBytes { side.tunnel.send($0) }
      masks.insert(Array(side.output()[2..<6]))
    }
    #expect(masks.count > 195)
  }

  @Test func `has the stream that comes in one piece with the answer, wherever that is cut`() throws {
    for cut in [1, 5, 17, 100] {
      let side = try Side("ws://game.example:8080/ws")
      _ = side.tunnel.start()
      let bytes = try Self.answer(side.output()) + Self.frame([7, 8, 9])
      #expect(side.receive(Array(bytes.prefix(cut))) == .opening)
      #expect(side.receive(Array(bytes.dropFirst(cut))) == .open)
      #expect(side.stream() == [7, 8, 9])
    }
  }

  @Test func `answers a ping, but none that comes while nobody reads the answers`() throws {
    let side = try Self.open()
    side.receive(Self.frame(Array("?".utf8), .ping))
    let pong = side.output()
    #expect(pong[0] == 0x8A && pong[1] == 0x81)
    for _ in 0..<10_000 { side.receive(Self.frame([UInt8](repeating: 0, count: 125), .ping)) }
    #expect(side.output().count < 5000)
  }

  @Test(arguments: [1000, 1001, 1008, 4000] as [UInt16])
  func `says the code again with which the server closes, once`(code: UInt16) throws {
    let side = try Self.open()
    let close = Array(WebSocketFrame.close(code).readableBytesView)
    #expect(side.receive(Self.frame([1]) + close) == .ended(.webSocketClosed(code)))
    #expect(side.stream() == [1])
    #expect(Self.read(side.output()).1 == .closed(code))
    side.tunnel.sayGoodbye(1000)
    #expect(side.output().isEmpty)
    #expect(side.receive(Self.frame([2])) == .ended(.webSocketClosed(code)))
    #expect(side.stream().isEmpty)
  }

  @Test func `closes first, hears what is still under way, and answers nothing more`() throws {
    let side = try Self.open()
    side.tunnel.sayGoodbye(1000)
    #expect(side.tunnel.awaitsGoodbye)
    #expect(Self.read(side.output()).1 == .closed(1000))
    #expect(side.receive(Self.frame([5]) + Self.frame([], .ping)) == .open)
    #expect(side.stream() == [5] && side.output().isEmpty)
    #expect(side.receive(Array(WebSocketFrame.close(1000).readableBytesView)) == .ended(.webSocketClosed(1000)))
    #expect(!side.tunnel.awaitsGoodbye && side.output().isEmpty)
  }

  @Test func `tells the server what is no frame`() throws {
    let side = try Self.open()
    #expect(side.receive([0x82, 0x80, 0, 0, 0, 0]) == .ended(.badFrame(.masked)))
    #expect(Self.read(side.output()).1 == .closed(1002))
    let text = try Self.open()
    #expect(text.receive([0x81, 0]) == .ended(.badFrame(.text)))
    #expect(Self.read(text.output()).1 == .closed(1003))
  }

  @Test func `knows that the end of the stream cuts a frame`() throws {
    let side = try Self.open()
    #expect(!side.tunnel.isInsideFrame && side.tunnel.faultOfEnding == nil)
    side.receive([0x82])
    #expect(side.tunnel.isInsideFrame)
  }

  @Test func `is refused by an answer that has not read its key`() throws {
    let side = try Side("ws://game.example:8080/ws")
    _ = side.tunnel.start()
    let answer =
      "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    #expect(side.receive(Array(answer.utf8)) == .ended(.refused(.webSocket(.wrongAccept))))
    let other = try Side("ws://game.example:8080/ws")
    #expect(other.tunnel.faultOfEnding == .closed(during: .webSocket))
  }

  // MARK: TLS

  private static func trusting(_ change: (inout TLSClientConfiguration) -> Void = { _ in }) -> TLSClientConfiguration {
    var configuration = TLSClientConfiguration()
    configuration.caFile = Certificates.path("ca.pem")
    change(&configuration)
    return configuration
  }

  /// The server's session, and both shake hands. Returns what the client then is.
  private static func shake(_ side: Side, certificate: String = "server") throws -> (TLSSession, Tunnel.Progress) {
    let configuration = TLSConfiguration(
      certFile: Certificates.path("\(certificate).pem"), privateKeyFile: Certificates.path("\(certificate).key"))
    let context = try #require(TLSContext.load(configuration).0)
    let server = try #require(TLSSession(context))
    var progress = side.tunnel.start()
    var state = TLSSession.Handshake.waits
    for _ in 0..<10 where progress == .opening {
      if state == .waits { state = side.output().withUnsafeBytes { server.handshake($0) } }
      let answer = Array(server.output)
      _ = server.sent(answer.count)
      guard !answer.isEmpty else { break }
      progress = side.receive(answer)
    }
    if state == .waits { _ = side.output().withUnsafeBytes { server.handshake($0) } }
    return (server, progress)
  }

  @Test func `shakes hands, and then has a stream, in records of any pieces`() throws {
    let side = try Side("tls://localhost:1", Self.trusting())
    let (server, progress) = try Self.shake(side)
    #expect(progress == .open)
    let data = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 3) }
    for start in stride(from: 0, to: data.count, by: TLSSession.recordSize) {
      #expect(data[start..<min(start + TLSSession.recordSize, data.count)].withUnsafeBytes { server.seal($0) } == .done)
    }
    var sealed = Array(server.output)[...]
    while !sealed.isEmpty {
      #expect(side.receive(Array(sealed.prefix(1001))) == .open)
      sealed = sealed.dropFirst(1001)
    }
    #expect(side.stream() == data && !side.tunnel.isInsideFrame)
  }

  @Test func `asks for a WebSocket inside of TLS`() throws {
    let side = try Side("wss://localhost:8080/ws", Self.trusting())
    let (server, progress) = try Self.shake(side)
    #expect(progress == .opening && side.tunnel.stage == .webSocket)
    #expect(server.info?.serverName == "localhost")
  }

  static let servers: [(String, String, HandshakeFault?)] = [
    ("server", "localhost", nil as HandshakeFault?),
    ("other", "localhost", .rejected(.wrongName(wanted: "localhost", names: ["other.test", "*.wild.test"]))),
    ("other", "a.wild.test", nil),
    ("other", "a.b.wild.test", .rejected(.wrongName(wanted: "a.b.wild.test", names: ["other.test", "*.wild.test"]))),
    ("expired", "localhost", .rejected(.expired(subject: "CN=localhost", 1_609_459_200))),
    ("client", "device", .rejected(.wrongName(wanted: "device", names: ["device7.test", "urn:device:7", "10.0.0.7"]))),
  ]

  @Test(arguments: servers)
  func `takes a server by its certificate, or says why not`(certificate: String, host: String, fault: HandshakeFault?) throws {
    let (_, progress) = try Self.shake(try Side("tls://\(host):1", Self.trusting()), certificate: certificate)
    let expected: Tunnel.Progress = if let fault { .ended(.refused(fault)) } else { .open }
    #expect(progress == expected)
  }

  @Test func `does not take a name that no certificate can have for one that need not be looked at`() throws {
    let session = try #require(TLSSession(TLSContext.load(Self.trusting()), host: ""))
    #expect(session.handshake(UnsafeRawBufferPointer(start: nil, count: 0)) != .waits)
  }

  @Test(arguments: ["HTTP/1.1 400 Bad Request\r\n", "\u{15}\0\0\0\u{2}\0\0\0hello", "SSH-2.0-OpenSSH"])
  func `knows what is no TLS by its first bytes`(bytes: String) throws {
    let side = try Side("tls://localhost:1", Self.trusting())
    _ = side.tunnel.start()
    #expect(side.receive(Array(bytes.utf8)) == .ended(.refused(.noTLS)))
  }
}
