import NIOCore
import Testing
import Zinx
import ZinxTestKit

private struct Refused: Error {}

@Suite("Hooks", .timeLimit(.minutes(1)))
struct HookTests {
  @Test("OnConnStart has returned before the first request is handled, though it was there before", arguments: pools)
  func startFirst(workers: Int) async throws {
    let gate = Gate()
    let log = Recorder<String>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.onConnStart { connection in
        try await connection.sendBuffMsg(2, ByteBuffer(string: "welcome"))
        try await gate.pass()
        log.append("started")
      }
      routes.route(7) { request in
        log.append("handled")
        try await echo(request)
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(7, "early"))
      #expect(try await peer.frame() == RawFrame(2, "welcome"))
      gate.open()
      #expect(try await peer.frame().text == "early")
      #expect(log.all == ["started", "handled"])
    }
  }

  @Test("several hooks start in the order of registration and stop in reverse", arguments: pools)
  func order(workers: Int) async throws {
    let log = Recorder<String>()
    try await TestServer.run(.test(workers: workers)) { routes in
      for name in ["a", "b"] {
        routes.onConnStart { _ in log.append("start \(name)") }
        routes.onConnStop { _, reason in log.append("stop \(name) \(reason)") }
      }
    } use: { server in
      try server.connect().close()
      #expect(try await server.reason() == .peerClosed)
      #expect(log.all == ["start a", "start b", "stop b peer-closed", "stop a peer-closed"])
    }
  }

  @Test("an OnConnStart that throws closes the connection with hook-failed, and no request is handled", arguments: pools)
  func startThrows(workers: Int) async throws {
    let gate = Gate()
    let log = Recorder<String>()
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxWorkerTaskLen = 3 }
    try await TestServer.run(configuration) { routes in
      routes.onConnStart { connection in
        guard connection.id < 4 else { return }
        try await gate.pass()
        throw Refused()
      }
      routes.onConnStop { _, reason in log.append("stop \(reason)") }
      routes.route(7) { request in
        log.append("handled")
        try await echo(request)
      }
    } use: { server in
      let peers = try (0..<4).map { _ in try server.connect() }
      for peer in peers { try await peer.send(RawFrame(7, "1").bytes() + RawFrame(7, "2").bytes()) }
      _ = try await server.connection(3)
      // The requests have arrived before the hooks fail.
      try await until { server.server.counters.bytesReceived >= 72 }
      gate.open()
      for peer in peers { #expect(try await peer.receiveAll() == []) }
      peers.forEach { $0.close() }
      #expect(try await server.reasons(4) == [.hookFailed, .hookFailed, .hookFailed, .hookFailed])
      #expect(log.all == Array(repeating: "stop hook-failed", count: 4))
      let failures = server.events.all.filter { if case .startHookFailed(_, is Refused) = $0 { true } else { false } }
      #expect(failures.count == 4)
      // Those that follow on the same workers are served: nothing was left behind in their queues.
      for _ in 0..<2 { #expect(try await server.connect().exchange(RawFrame(7, "next")).text == "next") }
    }
  }

  @Test("an OnConnStart that throws closes a connection on which nothing ever comes", arguments: pools)
  func startThrowsQuietly(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.onConnStart { _ in
        await Task.yield()
        throw Refused()
      }
    } use: { server in
      let peer = try server.connect()
      #expect(try await peer.receiveAll() == [])
      peer.close()
      #expect(try await server.reason() == .hookFailed)
    }
  }

  @Test("a peer that leaves before its OnConnStart could send is no failure of the hook", arguments: pools)
  func startMeetsTheEnd(workers: Int) async throws {
    let gate = Gate()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.onConnStart { connection in
        try await gate.pass()
        try await connection.sendBuffMsg(2, ByteBuffer(string: "welcome"))
      }
    } use: { server in
      let peer = try server.connect()
      let connection = try await server.connection()
      peer.reset()
      try await until { connection.isClosed }
      gate.open()
      #expect(try await server.reason() == .reset)
      #expect(!server.events.all.contains { if case .startHookFailed = $0 { true } else { false } })
    }
  }

  @Test("OnConnStop runs after the last handler, knows the reason and may still send, when we close first", arguments: pools)
  func stopSends(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(7) { request in
        try await echo(request)
        request.connection.stop()
        await Task.yield()
        try await request.connection.sendBuffMsg(7, ByteBuffer(string: "last of the handler"))
      }
      routes.onConnStop { connection, reason in
        try? await connection.sendMsg(3, ByteBuffer(string: "bye, \(reason)"))
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(7, "stop").bytes() + RawFrame(7, "dropped").bytes())
      #expect(try await peer.frames(3) == [RawFrame(7, "stop"), RawFrame(7, "last of the handler"), RawFrame(3, "bye, stopped")])
      #expect(try await peer.receiveAll() == [])
      peer.close()
      #expect(try await server.reason() == .stopped)
    }
  }

  @Test("OnConnStop may still send to a peer that has only shut its own side down", arguments: pools)
  func stopSendsHalfClosed(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.onConnStop { connection, _ in try? await connection.sendBuffMsg(3, ByteBuffer(string: "bye")) }
    } use: { server in
      let peer = try server.connect()
      peer.shutdownWrite()
      #expect(try await peer.receiveAll() == RawFrame(3, "bye").bytes())
    }
  }

  @Test("OnConnStop runs exactly once, however many reasons there are at once", arguments: pools)
  func once(workers: Int) async throws {
    let stops = Recorder<UInt64>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.onConnStop { connection, _ in stops.append(connection.id) }
      routes.route(7, echo)
    } use: { server in
      for round in 0..<50 {
        let peer = try server.connect()
        let connection = try await server.connection(UInt64(round))
        try await peer.send(RawFrame(7, "?"))
        connection.stop()
        if round % 2 == 0 { peer.reset() } else { peer.close() }
        connection.stop()
        server.connManager.clearConn()
        if round % 3 == 0 { server.server.cutAll() }
      }
      _ = try await server.reasons(50)
      // A connection that is ended before its OnConnStart ran has no OnConnStop; here each has none to run.
      #expect(Set(stops.all).count == stops.count)
    }
  }

  @Test("a connection that is stopped before its peer closes ends for that reason, also when the loop learns of both at once")
  func stoppedFirst() async throws {
    let gate = BlockingGate()
    let atGate = Recorder<Int>()
    try await TestServer.run(.test { $0.ioThreads = 1 }) { routes in
      routes.route(1) { _ in
        atGate.append(1)
        gate.pass()
      }
      routes.route(2) { try $0.connection.connManager.get(2).stop() }
    } use: { server in
      let (holder, stopper, other) = try (server.connect(), server.connect(), server.connect())
      _ = try await server.connection(2)
      // While the loop is held: it fetches both events in one call, the request first.
      try await holder.send(RawFrame(1))
      try await atGate.wait(for: 1)
      try await stopper.send(RawFrame(2))
      other.shutdownWrite()
      gate.open()
      #expect(try await server.reason(2) == .stopped)
      withExtendedLifetime((holder, stopper)) {}
    }
  }

  @Test("hooks may call the connection manager, and end every connection from it", arguments: pools)
  func manager(workers: Int) async throws {
    let counts = Recorder<Int>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.onConnStart { connection in
        let manager = connection.connManager
        counts.append(manager.count)
        let found = try manager.get(connection.id)
        #expect(found === connection)
        manager.forEach { _ in }
      }
      routes.onConnStop { connection, _ in
        counts.append(connection.connManager.count)
        connection.connManager.clearConn()
      }
    } use: { server in
      let peers = try (0..<5).map { _ in try server.connect() }
      try await counts.wait(for: 5)
      peers[0].close()
      for peer in peers.dropFirst() {
        #expect(try await peer.receiveAll() == [])
        peer.close()
      }
      #expect(Set(try await server.reasons(5)) == [.peerClosed, .draining])
      #expect(throws: ZinxError.connectionNotFound(0)) { _ = try server.connManager.get(0) }
    }
  }
}
