import Glibc
import Testing
import ZinxTestKit
import ZinxWire

extension Daemons {
  @Suite("Who may come in")
  struct DoorTests {
    private func reload(_ daemon: DaemonProcess, _ folder: TestFolder, _ members: String, says text: String) async throws {
      try folder.write("zinx.json", local(members))
      daemon.signal(SIGHUP)
      #expect(try await daemon.line(containing: "configuration reloaded: \(text)").hasSuffix(text))
    }

    @Test("changes with a reload, which closes nobody")
    func lists() async throws {
      try await withDaemon { daemon, folder in
        let port = try await daemon.port()
        let early = try await FakePeer.greeted(by: port)
        try await reload(daemon, folder, #""Deny": ["127.0.0.0/8"]"#, says: #"Deny: [] → ["127.0.0.0/8"]"#)
        #expect(try await FakePeer.connect(to: port).readToEnd().isEmpty)
        let denied = try await daemon.line(containing: "connection refused: its address is in Deny")
        #expect(denied.contains("peer=127.0.0.1:") && denied.contains("refusal=denied"), "\(denied)")
        #expect(try await early.ask(0) == "ping...ping...ping")
        try await reload(
          daemon, folder, #""Allow": ["192.0.2.0/24"]"#, says: #"Allow: [] → ["192.0.2.0/24"], Deny: ["127.0.0.0/8"] → []"#)
        #expect(try await FakePeer.connect(to: port).readToEnd().isEmpty)
        try await daemon.line(containing: "connection refused: its address is not in Allow")
        try await reload(
          daemon, folder, #""Allow": ["192.0.2.0/24", "127.0.0.1"]"#,
          says: #"Allow: ["192.0.2.0/24"] → ["192.0.2.0/24", "127.0.0.1"]"#)
        let late = try await FakePeer.greeted(by: port)
        #expect(try await early.ask(0) == "ping...ping...ping")
        #expect(try await late.ask(0) == "ping...ping...ping")
      }
    }

    @Test("is limited by address from a reload on, those who are there included")
    func perAddress() async throws {
      try await withDaemon { daemon, folder in
        let port = try await daemon.port()
        let first = try await FakePeer.greeted(by: port)
        let second = try await FakePeer.greeted(by: port)
        try await reload(daemon, folder, #""MaxConnPerIP": 2"#, says: "MaxConnPerIP: 0 → 2")
        #expect(try await FakePeer.connect(to: port).readToEnd().isEmpty)
        let line = try await daemon.line(containing: "connection refused: 2 connections are open from its address")
        #expect(line.contains("limit=2") && line.contains("refusal=max-conn-per-ip"), "\(line)")
        second.close()
        try await daemon.line(containing: "peer-closed, conn num = 1")
        let third = try await FakePeer.greeted(by: port)
        #expect(try await first.ask(0) == "ping...ping...ping")
        #expect(try await third.ask(0) == "ping...ping...ping")
      }
    }

    @Test("comes in as fast as AcceptRate lets it, and the log says that it is reached")
    func rate() async throws {
      try await withDaemon(local(#""AcceptRate": 5"#)) { daemon, folder in
        let port = try await daemon.port()
        var peers: [FakePeer] = []
        for _ in 0..<3 { peers.append(try await FakePeer.connect(to: port)) }
        for peer in peers { #expect(try await peer.receive().id == 2) }
        let line = try await daemon.line(
          containing: "more connections come than 5 a second (AcceptRate): they wait in the backlog")
        #expect(line.contains("WARN"))
        try await reload(daemon, folder, #""AcceptRate": 0"#, says: "AcceptRate: 5 → 0")
        for _ in 0..<3 { peers.append(try await FakePeer.greeted(by: port)) }
        for peer in peers { #expect(try await peer.ask(0) == "ping...ping...ping") }
      }
    }

    @Test("stays as it is when the file names a network that is none, and log and status say where")
    func badNetwork() async throws {
      try await withDaemon { daemon, folder in
        let port = try await daemon.port()
        try folder.write("zinx.json", "{\"Host\": \"127.0.0.1\",\n \"Deny\": [\"127.0.0.0/8\", \"10.1.2.3/8\"]}")
        daemon.signal(SIGHUP)
        try await daemon.line(containing: #"./zinx.json:2:26: error: Deny has "10.1.2.3/8", but bits are set beyond its length"#)
        try await daemon.line(containing: "reload refused, the running configuration stays in force")
        #expect(try await FakePeer.greeted(by: port).ask(0) == "ping...ping...ping")
      }
    }
  }
}
