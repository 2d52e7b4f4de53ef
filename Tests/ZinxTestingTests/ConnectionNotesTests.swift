import Logging
import NIOCore
import Synchronization
import Testing
import Zinx
import ZinxTesting
import ZinxWire

@Suite("A connection", .timeLimit(.minutes(1)))
struct ConnectionNotesTests {
  @Test(arguments: TestServerTests.transports)
  func `ends at its deadline unless that is renewed or taken away`(_ transport: TestServer.Transport) async throws {
    let server = try await TestServer(transport) { routes in
      routes.onConnStart { connection in connection.deadline(.seconds(30)) }
      routes.route(1) { request in request.connection.deadline(.seconds(30)) }
      routes.route(2) { request in request.connection.deadline(nil) }
      routes.route(3) { request in request.connection.deadline(.seconds(1)) }
    }
    let peers = [try await server.connect(), try await server.connect(), try await server.connect(), try await server.connect()]
    await server.advance(by: .seconds(29))
    for index in 1...3 { try await peers[index].send(UInt32(index)) }
    #expect(peers.allSatisfy { $0.end == nil })
    await server.advance(by: .seconds(1))
    #expect(try await peers[0].ended() == .stopped)
    #expect(try peers[0].connection.closeText == "deadline")
    #expect(try await peers[3].ended() == .stopped)
    #expect(peers[1].end == nil)
    await server.advance(by: .seconds(28))
    #expect(peers[1].end == nil)
    await server.advance(by: .seconds(1))
    #expect(try await peers[1].ended() == .stopped)
    await server.advance(by: .seconds(1000))
    #expect(peers[2].end == nil)
    await server.stop()
  }

  @Test func `lets go of the code of its deadline when it has ended before`() async throws {
    final class Probe: Sendable {}
    struct Seen { weak var probe: Probe? }
    let seen = Mutex(Seen())
    let server = try await TestServer { routes in
      routes.route(1) { request in
        let probe = Probe()
        seen.withLock { $0.probe = probe }
        request.connection.deadline(.seconds(60)) { [connection = request.connection] _ in
          connection.stop(reason: "\(probe)")
        }
      }
    }
    let peer = try await server.connect()
    try await peer.send(1)
    #expect(seen.withLock { $0.probe != nil })
    await peer.close()
    await server.settle()
    #expect(seen.withLock { $0.probe == nil })
    await server.stop()
  }

  @Test func `runs code at its deadline, once each time that it is set, and none when it has ended`() async throws {
    let runs = Atomic<Int>(0)
    let server = try await TestServer { routes in
      routes.route(1) { request in
        request.connection.deadline(.seconds(5)) { connection in
          runs.add(1, ordering: .relaxed)
          try? await connection.sendBuffMsg(9, "still there?")
        }
      }
    }
    let (one, other) = (try await server.connect(), try await server.connect())
    try await one.send(1)
    try await other.send(1)
    await other.close()
    await server.advance(by: .seconds(60))
    #expect(one.received == [Message(9, "still there?")] && one.end == nil)
    try await one.send(1)
    await server.advance(by: .seconds(5))
    #expect(one.received.count == 2)
    #expect(runs.load(ordering: .relaxed) == 2)
    await server.stop()
  }

  @Test func `tells why it was stopped, in the words of who was first`() async throws {
    let server = try await TestServer { routes in
      routes.route(1) { request in
        request.connection.stop(reason: "kicked")
        request.connection.stop(reason: "kicked again")
      }
      routes.route(2) { request in request.connection.stop() }
    }
    let (one, other) = (try await server.connect(), try await server.connect())
    #expect(try one.connection.closeText == nil)
    try await one.send(1)
    try await other.send(2)
    #expect(one.end == .stopped && other.end == .stopped)
    #expect(try one.connection.closeText == "kicked")
    #expect(try other.connection.closeText == nil)
    await server.stop()
  }

  @Test(arguments: TestServerTests.transports)
  func `is a key, knows both its addresses, and keeps what the log is to say`(_ transport: TestServer.Transport) async throws {
    let server = try await TestServer(transport)
    let peer = try await server.connect()
    let connection = try peer.connection
    var names: [Connection: String] = [connection: "one"]
    names[try await server.connect().connection] = "other"
    #expect(names.count == 2 && names[connection] == "one")
    connection.logMetadata["room"] = "lobby"
    connection.logMetadata["level"] = "3"
    connection.logMetadata["level"] = nil
    #expect(connection.logMetadata == ["room": "lobby"])
    #expect(connection.remoteAddress.port > 0)
    if transport == .sockets {
      #expect(connection.localAddress == server.server.addresses.first)
      #expect(connection.localAddress?.host == "127.0.0.1" && connection.remoteAddress.host == "127.0.0.1")
    } else {
      #expect(connection.remoteAddress.host == "192.0.2.1")
    }
    await peer.close()
    #expect(try await peer.ended() == .peerClosed)
    #expect(connection.localAddress == nil)
    await server.stop()
  }

  @Test func `that is sent what is no frame of its protocol says so, and gets nothing behind it`() async throws {
    var configuration = TestServer.standardConfiguration
    configuration.framing = .lengthField(
      try LengthFieldFrames(lengthOffset: 0, lengthSize: 1, lengthAdjustment: -1, id: .constant(7)))
    let server = try await TestServer(configuration: configuration) { routes in
      routes.route(7) { request in
        try request.echo()
        try request.connection.trySendRaw(ByteBuffer(bytes: [0]))
        try request.echo()
      }
    }
    let peer = try await server.connect()
    try await peer.send(7, ByteBuffer(bytes: [2, 9]))
    #expect(peer.received.map { Array($0.data.readableBytesView) } == [[2, 9]])
    #expect(peer.fault == .badFrame("a length that is shorter than the frame's own fields"))
    await server.stop()
  }

  @Test func `gets what is sent to its user or its group as a value`() async throws {
    let server = try await TestServer { routes in
      routes.route(1, String.self) { user, request in
        try request.connection.bind(user: user)
        try request.groups["all"].join(request.connection)
      }
      routes.route(2) { try $0.reply("\($0.user ?? "nobody") of \($0.users["u1"].count + $0.users["u2"].count)") }
    }
    let peers = [try await server.connect(), try await server.connect(), try await server.connect()]
    for (peer, user) in zip(peers, ["u1", "u2", "u1"]) { try await peer.send(1, user) }
    let users = server.server.users
    #expect(try await users.send(to: ["u1", "u2", "u1", "nobody"], 5, "hi") == Delivery(sent: 3))
    #expect(try await users.send(to: "u2", 6, "you") == Delivery(sent: 1))
    #expect(try await server.server.groups["all"].broadcast(7, "all", except: peers[0].connection) == Delivery(sent: 2))
    await server.settle()
    #expect(peers.map { $0.received.map(\.text) } == [["hi"], ["hi", "you", "all"], ["hi", "all"]])
    try await peers[1].send(2, "")
    #expect(peers[1].received.last?.text == "u2 of 3")
    #expect(try await server.connect().request(2, "").text == "nobody of 3")
    await server.stop()
  }
}
