import Glibc
import Testing
import ZinxTestKit

extension Daemons {
  @Suite("SIGTERM and SIGINT")
  struct DrainTests {
    private static let slowEcho = local(#""Plugins": {"greeting": {}, "echo": {"Delay": 30}}"#)

    @Test("end a daemon with nothing to do at once, with status 0", arguments: [SIGTERM, SIGINT, SIGQUIT])
    func idle(_ signal: Int32) async throws {
      var times: [Duration] = []
      // The quickest of three: the machine may be busy with other tests.
      for _ in 0..<3 {
        let notify = try NotifySocket()
        try await withDaemon(environment: ["NOTIFY_SOCKET": notify.address]) { daemon, _ in
          try await notify.upTo("READY=1")
          _ = try await daemon.port()
          let start = ContinuousClock.now
          daemon.signal(signal)
          let exit = try await daemon.exit()
          times.append(exit.instant - start)
          #expect(exit.status == 0)
          #expect(daemon.errorLines.last?.contains("stopped") == true)
          #expect(notify.pending().contains("STOPPING=1\nSTATUS=Draining: 0 connections left"))
        }
      }
      #expect(try #require(times.min()) < .milliseconds(200))
    }

    @Test("answer every request that was received, run OnConnStop once for each connection, and end every stream")
    func losesNothing() async throws {
      let text = local(#""Plugins": {"greeting": {}, "echo": {"Delay": 0.02}}"#)
      try await withDaemon(text, ["--log-level", "debug"]) { daemon, _ in
        let port = try await daemon.port()
        let requests = (0..<50).flatMap { FakePeer.frame(3, "request \($0)") }
        var peers: [FakePeer] = []
        for _ in 0..<100 { peers.append(try await FakePeer.greeted(by: port)) }
        for peer in peers { try await peer.write(requests) }
        daemon.signal(SIGTERM)
        let whole = try await withThrowingTaskGroup { group in
          for peer in peers {
            group.addTask {
              defer { peer.close() }
              return try await peer.readToEnd() == requests
            }
          }
          return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(whole == 100)
        #expect(try await daemon.exit().status == 0)
        try await expectOneStopHook(for: 100, of: daemon)
        #expect(daemon.errorLines.contains { $0.contains("drained: every connection ended by itself") })
        #expect(daemon.errorLines.filter { $0.contains("connection ended: draining") }.count == 100)
      }
    }

    private func expectOneStopHook(for count: Int, of daemon: DaemonProcess) async throws {
      let ids = daemon.errorLines.filter { $0.contains("OnConnStop") }.compactMap { $0.firstMatch(of: /connID=(\d+)/)?.1 }
      #expect(ids.count == count)
      #expect(Set(ids).count == count)
    }

    @Test("a connection that waits in the backlog when the signal comes is served")
    func backlog() async throws {
      try await withDaemon { daemon, _ in
        let port = try await daemon.port()
        daemon.signal(SIGSTOP)
        let peers = [try await FakePeer.connect(to: port), try await FakePeer.connect(to: port)]
        for peer in peers { try await peer.send(0, "") }
        daemon.signal(SIGTERM)
        daemon.signal(SIGCONT)
        let expected = FakePeer.frame(2, "DoConnection BEGIN...") + FakePeer.frame(0, "ping...ping...ping")
        for peer in peers {
          #expect(try await peer.readToEnd() == expected)
          peer.close()
        }
        #expect(try await daemon.exit().status == 0)
      }
    }

    @Test("nobody comes in once they were received")
    func listenerCloses() async throws {
      try await withDaemon(Self.slowEcho) { daemon, _ in
        let port = try await daemon.port()
        let busy = try await FakePeer.greeted(by: port)
        let idle = try await FakePeer.greeted(by: port)
        try await busy.send(3, "slow")
        daemon.signal(SIGTERM)
        // The end of the stream comes after the listeners have closed.
        #expect(try await idle.readToEnd().isEmpty)
        await #expect(throws: (any Error).self) { _ = try await FakePeer.connect(to: port) }
        busy.close()
      }
    }

    @Test(
      "a second one half a second later ends the daemon at once",
      arguments: [(SIGTERM, SIGTERM), (SIGINT, SIGQUIT), (SIGTERM, SIGINT)])
    func second(_ first: Int32, _ second: Int32) async throws {
      try await withDaemon(Self.slowEcho) { daemon, _ in
        let peer = try await FakePeer.greeted(by: try await daemon.port())
        try await peer.send(3, "slow")
        let start = ContinuousClock.now
        daemon.signal(first)
        try await daemon.line(containing: "draining: 1 connections left")
        // Again and again, as somebody who is impatient: those that come too early count as the first.
        let exit = try await daemon.exit(repeating: second)
        #expect(exit.status == 0)
        #expect(exit.instant - start > .milliseconds(490))
        #expect(exit.instant - start < .milliseconds(1500))
        #expect(daemon.errorLines.contains { $0.contains("second signal: 1 connections are cut") && $0.contains("WARN") })
        #expect(daemon.errorLines.contains { $0.contains("connection ended: drain-timeout, conn num = 0") })
        peer.close()
      }
    }

    @Test("a second one right after the first, as timeout(1) sends it, is the same one: no answer is lost")
    func twice() async throws {
      try await withDaemon(local(#""Plugins": {"echo": {"Delay": 0.2}}"#)) { daemon, _ in
        let peer = try await FakePeer.connect(to: try await daemon.port())
        try await peer.send(3, "slow")
        try await daemon.line(containing: "connection added")
        daemon.signal(SIGTERM)
        daemon.signal(SIGINT)
        daemon.signal(SIGTERM)
        #expect(try await peer.readToEnd() == FakePeer.frame(3, "slow"))
        peer.close()
        #expect(try await daemon.exit().status == 0)
        #expect(!daemon.errorLines.contains { $0.contains("second signal") })
      }
    }

    @Test("a handler that blocks its thread for longer is abandoned, which is said, and keeps nobody", arguments: [0, 2])
    func abandoned(workers: Int) async throws {
      let text = local(
        #""DrainTimeout": 0.1, "IOThreads": 1, "WorkerPoolSize": \#(workers), "Plugins": {"echo": {"Delay": 30, "Blocking": true}}"#
      )
      try await withDaemon(text) { daemon, _ in
        let peer = try await FakePeer.connect(to: try await daemon.port())
        try await peer.send(3, "slow")
        try await daemon.line(containing: "connection added")
        let start = ContinuousClock.now
        daemon.signal(SIGTERM)
        let exit = try await daemon.exit()
        #expect(exit.status == 0)
        #expect(exit.instant - start < .seconds(3))
        let lines = daemon.errorLines.suffix(3)
        #expect(lines.first?.contains("1 connections are abandoned: their handlers go on") == true)
        #expect(lines.dropFirst().first?.contains("drain timed out after 0.1 seconds: 1 connections were cut") == true)
        #expect(lines.last?.contains("stopped") == true)
        peer.close()
      }
    }

    @Test("a reload that comes after them changes nothing")
    func reloadWhileDraining() async throws {
      try await withDaemon(Self.slowEcho) { daemon, folder in
        let peer = try await FakePeer.greeted(by: try await daemon.port())
        try await peer.send(3, "slow")
        daemon.signal(SIGTERM)
        try await daemon.line(containing: "draining: 1 connections left")
        try folder.write("zinx.json", local(#""MaxConn": 1"#))
        daemon.signal(SIGHUP)
        #expect(try await daemon.exit(repeating: SIGTERM).status == 0)
        #expect(!daemon.errorLines.contains { $0.contains("reload") })
        peer.close()
      }
    }

    @Test("peers that never read are cut after DrainTimeout and counted, and nobody else loses a byte")
    func drainTimeout() async throws {
      let text = local(
        #""DrainTimeout": 1, "LingerTimeout": 30, "MaxMsgChanLen": 16, "Plugins": {"greeting": {}, "echo": {"Delay": 0.01}}"#)
      try await withDaemon(text) { daemon, _ in
        let port = try await daemon.port()
        let requests = (0..<20).flatMap { FakePeer.frame(3, "request \($0)") }
        // More than the kernel takes: their answers are stuck in the daemon.
        let flood = (0..<60).flatMap { _ in FakePeer.frame(3, String(repeating: "x", count: 4096)) }
        var deaf: [FakePeer] = []
        for _ in 0..<10 {
          let peer = try await FakePeer.connect(to: port, isNarrow: true)
          try await peer.write(flood)
          deaf.append(peer)
        }
        var others: [FakePeer] = []
        for _ in 0..<10 { others.append(try await FakePeer.greeted(by: port)) }
        for peer in others { try await peer.write(requests) }
        let start = ContinuousClock.now
        daemon.signal(SIGTERM)
        for peer in others {
          #expect(try await peer.readToEnd() == requests)
          peer.close()
        }
        let exit = try await daemon.exit()
        #expect(exit.status == 0)
        #expect(exit.instant - start > .milliseconds(900))
        #expect(exit.instant - start < .seconds(5))
        let line = try #require(daemon.errorLines.last { $0.contains("drain timed out after 1.0 seconds") })
        #expect(line.contains("10 connections were cut"))
        #expect(line.contains("WARN"))
        #expect(daemon.errorLines.filter { $0.contains("connection ended: drain-timeout") }.count == 10)
        for peer in deaf { peer.close() }
      }
    }
  }
}
