import NIOCore
import Synchronization
import Testing
import Zinx
import ZinxTestKit
import ZinxWire

@Suite("An operator's look at a server, and hand on it", .timeLimit(.minutes(1)))
struct OperatorTests {
  @Test("sees of each connection what came and what went", arguments: pools)
  func counts(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) {
      $0.route(7, echo)
    } use: { server in
      let (busy, quiet) = (try server.connect(), try server.connect())
      for text in ["a", "bc", "def"] { #expect(try await busy.exchange(RawFrame(7, text)).text == text) }
      _ = try await server.connection(1)
      let snapshots = server.server.connections
      #expect(snapshots.map(\.id) == [0, 1])
      #expect(snapshots.map(\.messagesReceived) == [3, 0])
      #expect(snapshots.map(\.messagesSent) == [3, 0])
      #expect(snapshots.map(\.bytesReceived) == [30, 0])
      #expect(snapshots.map(\.bytesSent) == [30, 0])
      #expect(snapshots.allSatisfy { $0.queuedMessages == 0 && $0.listener == "zinx" && !$0.isEnding })
      #expect(snapshots.allSatisfy { $0.idle <= $0.age })
      withExtendedLifetime(quiet) {}
    }
  }

  @Test("sees connections whose event loop or worker is blocked", arguments: pools)
  func blocked(workers: Int) async throws {
    let (begun, gate) = (Recorder<Int>(), BlockingGate())
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(8) { (_: Request) throws -> Void in
        begun.append(1)
        gate.pass()
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(8))
      try await begun.wait(for: 1)
      let snapshot = server.server.connections.first
      #expect(snapshot?.messagesReceived == 1)
      #expect(snapshot?.isBusy == true)
      gate.open()
    }
  }

  @Test("ends one with reason killed: what was queued for it leaves, what it asked later is dropped", arguments: pools)
  func kill(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(7) { request in
        try await request.connection.sendBuffMsg(7, request.data)
        request.connection.kill(reason: "uid 0")
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(7, "one").bytes() + RawFrame(7, "two").bytes())
      #expect(try await peer.receiveAll() == RawFrame(7, "one").bytes())
      peer.close()
      #expect(try await server.reason() == .killed)
      let ended = try #require(server.server.recentlyEnded.first)
      #expect(ended.id == 0 && ended.reason == .killed && ended.text == "uid 0")
      #expect(ended.messagesSent == 1 && ended.bytesSent == 11)
      #expect(server.server.counters.connectionsClosed == [.killed: 1])
    }
  }

  @Test("ends one at once although its handler waits", arguments: pools)
  func killAtOnce(workers: Int) async throws {
    let begun = Recorder<Int>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(7) { _ in
        begun.append(1)
        try await Task.sleep(for: .seconds(3600))
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(7))
      try await begun.wait(for: 1)
      try server.connManager.get(0).kill(atOnce: true)
      #expect(try await server.reason() == .killed)
      withExtendedLifetime(peer) {}
    }
  }

  @Test("suspends accepting: who is in is served, who comes waits, and is served when it goes on")
  func suspend() async throws {
    try await TestServer.run {
      $0.route(7, echo)
    } use: { server in
      let first = try server.connect()
      #expect(try await server.serves(first))
      server.server.suspend()
      #expect(server.server.isSuspended)
      let second = try server.connect()
      try await second.send(RawFrame(7, "?"))
      #expect(try await second.isQuiet())
      #expect(try await server.serves(first))
      #expect(server.connManager.count == 1)
      server.server.resume()
      #expect(try await second.receive(9) == RawFrame(7, "?").bytes())
    }
  }

  @Test("suspends listeners that a reload opens too")
  func suspendReload() async throws {
    try await TestServer.run {
      $0.route(7, echo)
    } use: { server in
      server.server.suspend()
      try await server.server.reload(
        .test { $0.endpoints = [Endpoint(name: "other", .tcp(host: "127.0.0.1", port: 0))] })
      let port = try #require(server.server.addresses.first?.port)
      let peer = try RawPeer(port: port)
      try await peer.send(RawFrame(7, "?"))
      #expect(try await peer.isQuiet())
      server.server.resume()
      #expect(try await peer.receive(9) == RawFrame(7, "?").bytes())
    }
  }

  @Test("a drain ends a suspended server, and serves who has waited")
  func drainSuspended() async throws {
    try await TestServer.run {
      $0.route(7, echo)
    } use: { server in
      server.server.suspend()
      let peer = try server.connect()
      try await peer.send(RawFrame(7, "?"))
      async let cut = server.server.drain(timeout: .seconds(20))
      #expect(try await peer.receive(9) == RawFrame(7, "?").bytes())
      peer.close()
      #expect(await cut == 0)
    }
  }

  @Test("sees the plugins and the routes")
  func routes() async throws {
    try await TestServer.run { routes in
      routes.route(7, echo)
      routes.otherwise(echo)
    } use: { server in
      #expect(server.server.routes.map { "\($0.ids) \($0.plugin)" } == ["7 server", "* server"])
    }
  }
}
