import Glibc
import Testing
import ZinxTestKit

extension Daemons {
  @Suite("The short form of listeners")
  struct ShortFormTests {
    /// Which ports a start has opened.
    private struct Ports {
      let tcp: UInt16?
      let web: UInt16?

      init(in line: String) {
        // The plain one goes without its name where it is the only one.
        tcp = line.firstMatch(of: /(?:on|zinx:) 127\.0\.0\.1:(\d+),/).flatMap { UInt16($0.1) }
        web = line.firstMatch(of: /ws: 127\.0\.0\.1:(\d+),/).flatMap { UInt16($0.1) }
      }
    }

    private static func file(_ mode: String?) -> String {
      let mode = mode.map { #""Mode": "\#($0)", "# } ?? ""
      return #"{"Host": "127.0.0.1", "TcpPort": 0, "WsPort": 0, "WsPath": "/game", \#(mode)"Plugins": {"ping": {}}}"#
    }

    private static func request(_ path: String) -> [UInt8] {
      Array(
        ("GET \(path) HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").utf8)
    }

    private static func head(_ peer: RawPeer) async throws -> String {
      var bytes: [UInt8] = []
      while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) { bytes += try await peer.receive(1) }
      return String(decoding: bytes, as: UTF8.self)
    }

    private func checkWeb(_ port: UInt16) async throws {
      let peer = try RawPeer(port: port)
      try await peer.send(Self.request("/game"))
      #expect(try await Self.head(peer).contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
      // A mask of zeros changes nothing.
      let question = RawFrame(0, "").bytes()
      try await peer.send([0x82, 0x80 | UInt8(question.count), 0, 0, 0, 0] + question)
      let answer = RawFrame(0, "ping...ping...ping").bytes()
      #expect(try await peer.receive(answer.count + 2) == [0x82, UInt8(answer.count)] + answer)
      let lost = try RawPeer(port: port)
      try await lost.send(Self.request("/"))
      #expect(try await Self.head(lost).hasPrefix("HTTP/1.1 404 "))
    }

    private func checkPlain(_ peer: RawPeer) async throws {
      #expect(try await peer.exchange(RawFrame(0, "")).text == "ping...ping...ping")
    }

    @Test(
      "opens what Mode says: the plain port without it and with tcp, that of WebSockets with websocket, both with nothing in it",
      arguments: [(nil, true, false), ("tcp", true, false), ("websocket", false, true), ("", true, true)]
        as [(String?, Bool, Bool)])
    func modes(mode: String?, isPlain: Bool, isWeb: Bool) async throws {
      try await withDaemon(Self.file(mode)) { daemon, _ in
        let line = try await daemon.line(containing: "listens on")
        let ports = Ports(in: line)
        #expect((ports.tcp != nil, ports.web != nil) == (isPlain, isWeb), "\(line)")
        if let tcp = ports.tcp { try await checkPlain(RawPeer(port: tcp)) }
        if let web = ports.web { try await checkWeb(web) }
      }
    }

    @Test("opens and closes ports by a reload of Mode; a connection of one that goes stays")
    func reload() async throws {
      try await withDaemon(Self.file("tcp")) { daemon, folder in
        let tcp = try #require(Ports(in: try await daemon.line(containing: "listens on")).tcp)
        let peer = try RawPeer(port: tcp)
        try await checkPlain(peer)
        try folder.write("zinx.json", Self.file(""))
        daemon.signal(SIGHUP)
        try await daemon.line(containing: "configuration reloaded: ")
        let web = try #require(Ports(in: try await daemon.line(containing: "now listens on")).web)
        try await checkWeb(web)
        try folder.write("zinx.json", Self.file("websocket"))
        daemon.signal(SIGHUP)
        try await daemon.line(containing: "configuration reloaded: ", count: 2)
        #expect(throws: RawPeer.Failure.system(call: "connect", code: ECONNREFUSED)) { try RawPeer(port: tcp) }
        try await checkPlain(peer)
        try await checkWeb(web)
      }
    }

    @Test("says what it does not speak, and where both forms are")
    func errors() async throws {
      let kcp = try await run("--check", files: ["zinx.json": Self.file("kcp")])
      #expect(kcp.status == 78)
      #expect(kcp.errors.contains { $0.contains(#"Mode has "kcp", but KCP is not spoken here"#) }, "\(kcp.errors)")
      let both = try await run(
        "--check", files: ["zinx.json": #"{"WsPort": 8080, "Listeners": [{"Name": "a", "Address": "127.0.0.1:0"}]}"#])
      #expect(both.status == 78)
      #expect(both.errors.contains { $0.contains("WsPort") && $0.contains("Listeners") }, "\(both.errors)")
    }
  }
}
