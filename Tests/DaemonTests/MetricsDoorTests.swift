import Testing
import Zinx
import ZinxIO
import ZinxTestKit

@testable import ZinxDaemon

@Suite("The door of metrics", .timeLimit(.minutes(1)))
struct MetricsDoorTests {
  /// A door in this process, on a free port.
  private static func withDoor(_ body: (UInt16) async throws -> Void) async throws {
    let site = MetricsSite(families: { [] }, health: { Health() }, connections: { _, _ in [] })
    let sockets = try await Server.openSockets(at: ListenAddress("127.0.0.1:0"), name: "metrics")
    let door = try await MetricsDoor.open(sockets, site)
    let port = try #require(door.addresses[0].split(separator: ":").last.flatMap { UInt16($0) })
    do { try await body(port) } catch {
      await door.close()
      throw error
    }
    await door.close()
  }

  private static func serves(at port: UInt16) async throws -> Bool { try await Answer.get("/healthz", at: port).body == "ok\n" }

  @Test(
    "answers what is no request with 400, and what is one in any older form",
    arguments: [
      ("\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200), ("GET /healthz HTTP/1.1\r\n\r\n", 400),
      ("GET /healthz HTTP/1.0\r\n\r\n", 200),
      ("SSH-2.0-OpenSSH_9.2\r\n", 400), ("\u{16}\u{3}\u{1}\u{2}\0", 400), ("\u{4}\0\0\0\0\0\0\0ping", 400),
      ("GET /healthz\r\n\r\n", 400),
      ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400), ("GET /healthz HTTP/1.1\r\nA b: c\r\n\r\n", 400),
      ("GET /healthz HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
      ("POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", 405), ("BREW /healthz HTTP/1.1\r\n\r\n", 400),
      ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n", 413),
      ("GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
      ("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
      ("GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
      ("GET /healthz HTTP/1.0\r\n\r\nGET /metrics HTTP/1.0\r\n\r\n", 200),
    ])
  func requests(_ text: String, _ status: Int) async throws {
    try await Self.withDoor { port in
      let answer = try await Answer.to(text, at: port)
      #expect(answer.status == status)
      #expect(try await Self.serves(at: port))
    }
  }

  @Test("takes a header as long as a request may be, and answers a longer request with 431, or 413 for a body")
  func long() async throws {
    try await Self.withDoor { port async throws in
      func header(_ count: Int) -> String {
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: \(String(repeating: "a", count: count))"
      }
      let request = "\r\n\r\n".utf8.count + header(0).utf8.count
      #expect(try await Answer.to(header((16 << 10) - request) + "\r\n\r\n", at: port).status == 200)
      let headers = (0..<200).map { "H\($0): \(String(repeating: "b", count: 100))\r\n" }.joined()
      let many = (0..<65).map { "H\($0): b\r\n" }.joined()
      let long = String(repeating: "a", count: 17 << 10)
      for text in [
        header((16 << 10) - request + 1) + "\r\n\r\n", "GET /\(long)", header(17 << 10),
        "GET /healthz HTTP/1.1\r\n\(headers)\r\n", "GET /healthz HTTP/1.1\r\n\(many)\r\n",
      ] { #expect(try await Answer.to(text, at: port).status == 431, "\(text.prefix(40))") }
      #expect(
        try await Answer.to("GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n\(long)", at: port).status
          == 413)
      #expect(try await Self.serves(at: port))
    }
  }

  @Test("lets ten megabytes in one line go by, and keeps nothing of them")
  func tenMegabytes() async throws {
    try await Self.withDoor { port in
      let peer = try await FakePeer.connect(to: port)
      // It may close meanwhile: then the rest finds nobody.
      _ = try? await peer.write([UInt8](repeating: 0x41, count: 10 << 20))
      peer.close()
      #expect(try await Self.serves(at: port))
    }
  }

  @Test("closes without a word when a peer ends inside a request")
  func half() async throws {
    try await Self.withDoor { port in
      for text in ["", "G", "GET /healthz HTTP/1.1\r\n", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"] {
        let peer = try await FakePeer.connect(to: port)
        try await peer.write(Array(text.utf8))
        peer.shutDownWriting()
        let answer = String(decoding: try await peer.readToEnd(), as: UTF8.self)
        #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400 "), "\(text)")
        peer.close()
      }
      #expect(try await Self.serves(at: port))
    }
  }

  @Test("answers a peer that has shut down its side, and one that sends byte by byte")
  func slow() async throws {
    try await Self.withDoor { port in
      let request = Array("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
      let peer = try await FakePeer.connect(to: port)
      for byte in request { try await peer.write([byte]) }
      peer.shutDownWriting()
      #expect(try Answer.parse(try await peer.readToEnd()).status == 200)
      peer.close()
    }
  }

  @Test("holds 32 visitors, closes those beyond, and has room again when one has gone")
  func visitors() async throws {
    try await Self.withDoor { port in
      var peers: [FakePeer] = []
      for _ in 0..<MetricsDoor.mostVisitors {
        let peer = try await FakePeer.connect(to: port)
        try await peer.write(Array("GET".utf8))
        peers.append(peer)
      }
      // It asks, so that it would have an answer if it were let in.
      #expect((try? await Self.serves(at: port)) != true)
      peers.removeLast().close()
      try await until { (try? await Self.serves(at: port)) == true }
      for peer in peers { peer.close() }
    }
  }

  @Test("ends nobody's daemon with what is random, and answers afterwards", arguments: 1...8)
  func random(_ seed: UInt64) async throws {
    try await Self.withDoor { port in
      var random = SplitMix64(seed: seed)
      let words = [
        "GET ", "POST ", "/metrics", "/healthz", " HTTP/1.1", "\r\n", "\r\n\r\n", "Host: localhost", "Content-Length: ",
        "18446744073709551616",
        "Transfer-Encoding: chunked", "0\r\n\r\n", "ffffffffffffffff\r\n", "\0", ": ", ",", ";q=", "Accept: ", "\u{7f}",
        "Upgrade: websocket",
      ]
      for _ in 0..<40 {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...12, using: &random) {
          if Bool.random(using: &random) {
            bytes += words[Int.random(in: words.indices, using: &random)].utf8
          } else {
            bytes += (0..<Int.random(in: 1...20, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
          }
        }
        let peer = try await FakePeer.connect(to: port)
        _ = try? await peer.write(bytes)
        peer.shutDownWriting()
        let answer = (try? await peer.readToEnd()) ?? []
        #expect(answer.isEmpty || String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 "))
        peer.close()
      }
      #expect(try await Self.serves(at: port))
    }
  }
}
