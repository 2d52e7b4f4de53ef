import NIOCore
import Testing
import ZinxTestKit
import ZinxWire

extension Daemons {
  @Suite("A running daemon")
  struct ExchangeTests {
    @Test("does what the client of the tutorial expects, and logs start and end of the connection with the live count")
    func tutorial() async throws {
      try await withDaemon { daemon, _ in
        let peer = try await FakePeer.connect(to: try await daemon.port())
        let greeting = try await peer.receive()
        #expect(greeting.id == 2)
        #expect(String(buffer: greeting.data) == "DoConnection BEGIN...")
        for _ in 0..<3 { #expect(try await peer.ask(0, "Zinx Client Test Message") == "ping...ping...ping") }
        #expect(try await peer.ask(1, "Zinx Client Test Message") == "Hello Zinx Router V0.9")
        let added = try await daemon.line(containing: "connection added, conn num = 1")
        #expect(added.contains("INFO"))
        #expect(added.contains("connID=0"))
        #expect(added.contains("peer=127.0.0.1:"))
        peer.close()
        let ended = try await daemon.line(containing: "connection ended: peer-closed, conn num = 0")
        #expect(ended.contains("INFO"))
        #expect(ended.contains("connID=0"))
        #expect(ended.contains("closeReason=peer-closed"))
      }
    }

    @Test("counts connections, and numbers them from 0")
    func counts() async throws {
      try await withDaemon { daemon, _ in
        let port = try await daemon.port()
        let first = try await FakePeer.greeted(by: port)
        let second = try await FakePeer.greeted(by: port)
        #expect(try await daemon.line(containing: "conn num = 2").contains("connID=1"))
        first.close()
        #expect(try await daemon.line(containing: "peer-closed, conn num = 1").contains("connID=0"))
        second.close()
        #expect(try await daemon.line(containing: "peer-closed, conn num = 0").contains("connID=1"))
      }
    }

    @Test("says which message has no route, and goes on with the next")
    func unknownMessage() async throws {
      try await withDaemon { daemon, _ in
        let peer = try await FakePeer.greeted(by: try await daemon.port())
        try await peer.send(99, "?")
        #expect(try await peer.ask(0) == "ping...ping...ping")
        let line = try await daemon.line(containing: "no route for message id 99, dropped")
        #expect(line.contains("WARN"))
        #expect(line.contains("msgID=99"))
      }
    }

    @Test("closes one connection too many at once, and says so")
    func refuses() async throws {
      try await withDaemon(local(#""MaxConn": 1"#)) { daemon, _ in
        let port = try await daemon.port()
        let peer = try await FakePeer.greeted(by: port)
        #expect(try await FakePeer.connect(to: port).readToEnd().isEmpty)
        let line = try await daemon.line(containing: "connection refused: 1 connections are open")
        #expect(line.contains("WARN"))
        #expect(try await peer.ask(0) == "ping...ping...ping")
      }
    }

    @Test("leaves lines out of its log under churn, and says how many")
    func churn() async throws {
      try await withDaemon(local(#""MaxConn": 1"#)) { daemon, _ in
        let port = try await daemon.port()
        let peer = try await FakePeer.greeted(by: port)
        for _ in 0..<40 { #expect(try await FakePeer.connect(to: port).readToEnd().isEmpty) }
        let line = try await daemon.line(containing: "lines out of the log")
        #expect(line.contains("refused connections"))
        #expect(daemon.errorLines.filter { $0.contains("connection refused") }.count < 40)
        #expect(try await peer.ask(0) == "ping...ping...ping")
      }
    }
  }
}
