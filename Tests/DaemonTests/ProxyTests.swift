import Testing
import ZinxTestKit

extension Daemons {
  @Suite("A listener behind proxies")
  struct ProxyTests {
    private static func behind(_ proxies: String) -> String {
      #"{"Listeners": [{"Name": "b", "Address": "127.0.0.1:0", "ProxyProtocol": "require", "TrustedProxies": ["\#(proxies)"]}]}"#
    }

    private static func port(_ daemon: DaemonProcess) async throws -> UInt16 {
      let line = try await daemon.line(containing: "listens on b: 127.0.0.1:")
      #expect(line.contains(", ltv-le behind proxies"))
      return try #require(try line.firstMatch(of: Regex(#"127\.0\.0\.1:(\d+)"#))?.output[1].substring.flatMap { UInt16($0) })
    }

    @Test func `has the address in its log that the proxy tells`() async throws {
      try await withDaemon(Self.behind("127.0.0.0/8")) { daemon, _ in
        let peer = try await FakePeer.connect(to: try await Self.port(daemon))
        try await peer.write(Array("PROXY TCP6 2001:db8::7 ::1 4711 7777\r\n".utf8))
        // The greeting.
        #expect(try await peer.read(29).count == 29)
        peer.close()
        let added = try await daemon.line(containing: "connection added, conn num = 1")
        #expect(added.contains("peer=[2001:db8::7]:4711"))
        let ended = try await daemon.line(containing: "connection ended: peer-closed, conn num = 0")
        #expect(ended.contains("peer=[2001:db8::7]:4711"))
      }
    }

    @Test func `says whom it does not believe, and what was no header`() async throws {
      try await withDaemon(Self.behind("127.0.0.2")) { daemon, _ in
        let peer = try await FakePeer.connect(to: try await Self.port(daemon))
        #expect(try await peer.readToEnd().isEmpty)
        let line = try await daemon.line(containing: "connection not added: proxy-header: its address is not in TrustedProxies")
        #expect(line.contains("closeReason=proxy-header"))
        #expect(line.contains("listener=b peer=127.0.0.1:"))
      }
      try await withDaemon(Self.behind("127.0.0.1")) { daemon, _ in
        let peer = try await FakePeer.connect(to: try await Self.port(daemon))
        try await peer.write(RawFrame(0, "").bytes())
        let line = try await daemon.line(containing: "connection not added: proxy-header: it began with something else")
        #expect(line.contains("listener=b peer=127.0.0.1:"))
      }
    }
  }
}
