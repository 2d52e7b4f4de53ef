import NIOCore
import Testing
import Zinx
import ZinxTestKit

@Suite("A server whose peers have to authenticate", .timeLimit(.minutes(1)))
struct AuthenticationTests {
  /// 10 logs in and 11 logs out; 7 echoes.
  private static func world(
    _ change: (inout Authentication) -> Void = { _ in }
  ) -> (inout RouteRegistrar) -> Void {
    var authentication = Authentication(ids: [10])
    change(&authentication)
    return { routes in
      routes.authenticate(authentication)
      routes.heartbeat(Heartbeat())
      routes.route(10) { request in
        guard request.dataLength > 0 else { return try request.reply("who?") }
        try request.connection.bind(user: request.data.text)
        try request.reply("welcome")
      }
      routes.route(11) { request in
        request.connection.unbind()
        try request.echo()
      }
      routes.route(7, echo)
    }
  }

  @Test("lets nobody reach a route before, and everybody behind the login, also in one piece with it", arguments: pools)
  func before(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: Self.world()) { server in
      let peer = try server.connect()
      try await peer.send([RawFrame(7, "early"), RawFrame(10), RawFrame(7, "too"), RawFrame(10, "u1"), RawFrame(7, "in")])
      #expect(try await peer.frames(3) == [RawFrame(10, "who?"), RawFrame(10, "welcome"), RawFrame(7, "in")])
      #expect(server.server.counters.unauthenticatedMessages == 2)
      #expect(server.server.users["u1"].count == 1)
      // Who logs out is as one who never has.
      #expect(try await peer.exchange(RawFrame(11)) == RawFrame(11))
      try await peer.send([RawFrame(7, "late"), RawFrame(10, "u1")])
      #expect(try await peer.receiveAll() == [])
      peer.close()
      #expect(try await server.reason() == .unauthenticated)
    }
  }

  @Test(
    "closes a peer with its third message of another id, with or without a route, and handles nothing behind it", arguments: pools
  )
  func strikes(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: Self.world()) { server in
      let peer = try server.connect()
      try await peer.send([RawFrame(7), RawFrame(10), RawFrame(5), RawFrame(99_999, "here"), RawFrame(7), RawFrame(10, "u1")])
      #expect(try await peer.frames(2) == [RawFrame(10, "who?"), RawFrame(99_999, "here")])
      #expect(try await peer.receiveAll() == [])
      peer.close()
      #expect(try await server.reason() == .unauthenticated)
      #expect(server.server.counters.unauthenticatedMessages == 3)
      #expect(server.server.counters.unknownMessages == 0)
      #expect(server.server.users.count == 0)
    }
  }

  @Test(arguments: pools, [2, 0])
  func `closes a peer with the login that is one failure too many, once it has its answer, and none that is in by then`(
    workers: Int, failures: Int
  ) async throws {
    struct WrongToken: Error {}
    var authentication = Authentication(ids: [10])
    authentication.failures = failures
    let register: (inout RouteRegistrar) -> Void = { [authentication] routes in
      routes.authenticate(authentication)
      routes.route(10) { request in
        guard request.data.text == "u1" else { throw WrongToken() }
        try request.connection.bind(user: "u1")
        try request.reply("welcome")
      }
      routes.route(7) { _ in throw WrongToken() }
      routes.onFailure { request, _ in try request.reply("no") }
    }
    try await TestServer.run(.test(workers: workers), register: register) { server in
      let (good, bad) = (try server.connect(), try server.connect())
      // A handler that fails is nothing of the login's once there is a user.
      try await good.send([RawFrame(10, "?"), RawFrame(10, "u1")] + (0..<5).map { _ in RawFrame(7) } + [RawFrame(10, "u1")])
      #expect(try await good.frames(8).map(\.text) == ["no", "welcome", "no", "no", "no", "no", "no", "welcome"])
      try await bad.send((0..<5).map { _ in RawFrame(10, "?") } + [RawFrame(10, "u1")])
      guard failures > 0 else {
        #expect(try await bad.frames(6).map(\.text) == ["no", "no", "no", "no", "no", "welcome"])
        return
      }
      #expect(try await bad.frames(2).map(\.text) == ["no", "no"])
      #expect(try await bad.receiveAll() == [])
      bad.close()
      #expect(try await server.reasons(1) == [.unauthenticated])
      #expect(server.connManager.count == 1)
    }
  }

  @Test("waits for as many strikes as it is told, or without end", arguments: pools, [1, 0])
  func otherStrikes(workers: Int, strikes: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: Self.world { $0.strikes = strikes }) { server in
      let peer = try server.connect()
      try await peer.send((0..<50).map { RawFrame(7, "\($0)") } + [RawFrame(10, "u1")])
      if strikes == 0 {
        #expect(try await peer.frame() == RawFrame(10, "welcome"))
        #expect(server.server.counters.unauthenticatedMessages == 50)
      } else {
        #expect(try await peer.receiveAll() == [])
        peer.close()
        #expect(try await server.reason() == .unauthenticated)
      }
    }
  }

  @Test("closes a peer that is not in by the deadline, whatever it sends meanwhile, and no other", arguments: pools)
  func deadline(workers: Int) async throws {
    let register = Self.world {
      $0.deadline = .milliseconds(400)
      $0.strikes = 0
    }
    try await TestServer.run(.test(workers: workers), register: register) { server in
      let good = try server.connect()
      #expect(try await good.exchange(RawFrame(10, "u1")).text == "welcome")
      let (silent, busy) = (try server.connect(), try server.connect())
      _ = try await server.connection(2)
      let talking = Task { while true { _ = try await busy.exchange(RawFrame(10)) } }
      #expect(try await silent.receiveAll() == [])
      silent.close()
      _ = await talking.result
      busy.close()
      #expect(try await server.reasons(2) == [.unauthenticated, .unauthenticated])
      #expect(try await good.exchange(RawFrame(7, "still")).text == "still")
    }
  }

  @Test("takes who was bound when the connection began", arguments: pools)
  func start(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      Self.world()(&routes)
      routes.onConnStart { connection in try connection.bind(user: "\(connection.remoteAddress)") }
    } use: { server in
      let peer = try server.connect()
      let answer = try await peer.exchange(RawFrame(7, "in"))
      #expect(answer.text == "in")
    }
  }

  @Test("takes the ids that any plugin names")
  func union() async throws {
    try await TestServer.run { routes in
      Self.world()(&routes)
      routes.authenticate(Authentication(ids: [7]))
    } use: { server in
      let peer = try server.connect()
      #expect(try await peer.exchange(RawFrame(7, "open")).text == "open")
      #expect(try await peer.exchange(RawFrame(10)).text == "who?")
    }
  }
}
