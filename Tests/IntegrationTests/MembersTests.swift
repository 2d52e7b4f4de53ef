import NIOCore
import Synchronization
import Testing
import Zinx
import ZinxTestKit
import ZinxWire

@Suite("Users and groups of a server", .timeLimit(.minutes(1)))
struct MembersTests {
  /// 10 joins the group that the data names, 11 leaves it, 12 sends `group:text` to all others of it under 13, 14 logs in, 15 asks how many
  /// members a group has, and 16 sends `user:text` to a user under 17.
  private static func world(_ second: SecondLogin = .allow) -> @Sendable (inout RouteRegistrar) -> Void {
    { routes in
      routes.route(10) {
        try $0.connection.groups[$0.data.text].join($0.connection); try $0.echo()
      }
      routes.route(11) { request in
        request.connection.groups[request.data.text].leave(request.connection)
        try request.echo()
      }
      routes.route(12) { request in
        let parts = request.data.text.split(separator: ":").map(String.init)
        let delivery = try await request.connection.groups[parts[0]].broadcast(
          13, ByteBuffer(string: parts[1]), except: request.connection)
        try await request.connection.sendBuffMsg(12, ByteBuffer(string: "\(delivery.sent)"))
      }
      routes.route(14) { request in
        do throws(ZinxError) {
          try request.connection.bind(user: request.data.text, second)
          try request.reply("welcome")
        } catch .userIsBound { try request.reply("taken") }
      }
      routes.route(15) { try $0.reply("\($0.connection.groups[$0.data.text].count)") }
      routes.route(16) { request in
        let parts = request.data.text.split(separator: ":").map(String.init)
        let delivery = try await request.connection.users.send(to: parts[0], 17, ByteBuffer(string: parts[1]))
        try await request.connection.sendBuffMsg(16, ByteBuffer(string: "\(delivery.sent)"))
      }
    }
  }

  @Test("a message to a group reaches all who joined but its sender, and nobody who left or ended", arguments: pools)
  func groups(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: Self.world()) { server in
      let peers = try (0..<5).map { _ in try server.connect() }
      for peer in peers[..<4] { #expect(try await peer.exchange(RawFrame(10, "red")) == RawFrame(10, "red")) }
      _ = try await peers[4].exchange(RawFrame(10, "blue"))
      #expect(try await peers[0].exchange(RawFrame(12, "red:one")) == RawFrame(12, "3"))
      for peer in peers[1..<4] { #expect(try await peer.frame() == RawFrame(13, "one")) }
      _ = try await peers[1].exchange(RawFrame(11, "red"))
      peers[2].close()
      try await until { server.server.groups["red"].count == 2 }
      #expect(try await peers[0].exchange(RawFrame(12, "red:two")) == RawFrame(12, "1"))
      #expect(try await peers[3].frame() == RawFrame(13, "two"))
      for silent in [peers[1], peers[4]] { #expect(try await silent.isQuiet()) }
      // Nobody has to be in it to send to it.
      #expect(try await peers[0].exchange(RawFrame(12, "blue:three")) == RawFrame(12, "1"))
      #expect(server.server.groups.count == 2)
    }
  }

  @Test("a connection is a member until its OnConnStop has returned, and no longer", arguments: pools)
  func untilTheEnd(workers: Int) async throws {
    let (begun, gate) = (Recorder<[String]>(), Gate())
    try await TestServer.run(.test(workers: workers)) { routes in
      Self.world()(&routes)
      routes.onConnStop { connection, _ in
        guard connection.id == 0 else { return }
        begun.append(connection.joinedGroups.map(\.name))
        try? await gate.pass()
      }
    } use: { server in
      let (first, second) = (try server.connect(), try server.connect())
      _ = try await first.exchange(RawFrame(10, "red"))
      _ = try await first.exchange(RawFrame(14, "u1"))
      let connection = try await server.connection(0)
      first.shutdownWrite()
      try await begun.wait(for: 1)
      #expect(begun.all == [["red"]])
      #expect(try await second.exchange(RawFrame(15, "red")).text == "1")
      #expect(try await second.exchange(RawFrame(16, "u1:bye")) == RawFrame(16, "1"))
      gate.open()
      #expect(try await first.frame() == RawFrame(17, "bye"))
      _ = try await server.reason(0)
      #expect(server.server.groups.count == 0 && server.server.users.count == 0)
      #expect(connection.user == "u1")
    }
  }

  @Test("a second login replaces the first, which is told before it is closed; its OnConnStop knows why", arguments: pools)
  func replace(workers: Int) async throws {
    let notice = Message(id: 9, data: ByteBuffer(string: "logged in elsewhere"))
    let stops = Recorder<CloseReason>()
    try await TestServer.run(.test(workers: workers)) { routes in
      Self.world(.replace(notice: notice))(&routes)
      routes.onConnStop { connection, reason in if connection.user == "u1" { stops.append(reason) } }
    } use: { server in
      let peers = try (0..<4).map { _ in try server.connect() }
      _ = try await peers[3].exchange(RawFrame(14, "u2"))
      for (index, peer) in peers[..<3].enumerated() {
        #expect(try await peer.exchange(RawFrame(14, "u1")) == RawFrame(14, "welcome"))
        guard index > 0 else { continue }
        #expect(try await peers[index - 1].frame() == RawFrame(9, "logged in elsewhere"))
        #expect(try await peers[index - 1].receiveAll() == [])
        peers[index - 1].close()
      }
      try await stops.wait(for: 2)
      #expect(try await server.reasons(2) == [.replaced, .replaced])
      #expect(stops.all == [.replaced, .replaced])
      #expect(server.server.counters.connectionsClosed == [.replaced: 2])
      #expect(try await peers[3].exchange(RawFrame(16, "u1:hello")) == RawFrame(16, "1"))
      #expect(try await peers[2].frame() == RawFrame(17, "hello"))
      #expect(server.server.users.count == 2)
    }
  }

  @Test("a second login is refused while the first is there, and let in when it has gone", arguments: pools)
  func refuse(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: Self.world(.refuse)) { server in
      let (first, second) = (try server.connect(), try server.connect())
      #expect(try await first.exchange(RawFrame(14, "u1")).text == "welcome")
      #expect(try await second.exchange(RawFrame(14, "u1")).text == "taken")
      first.close()
      try await until { server.server.users.count == 0 }
      #expect(try await second.exchange(RawFrame(14, "u1")).text == "welcome")
    }
  }

  @Test("logins at once for one user leave one of them, and every other is replaced", arguments: pools)
  func stampede(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: Self.world(.replace())) { server in
      let peers = try (0..<20).map { _ in try server.connect() }
      for peer in peers { try await peer.send(RawFrame(14, "u1")) }
      try await until { server.server.counters.requestsReceived == 20 }
      for peer in peers { peer.shutdownWrite() }
      #expect(try await server.reasons(20).count { $0 == .replaced } == 19)
    }
  }

  @Test("one member that does not read delays no other, and is left out")
  func slowMember() async throws {
    try await TestServer.run(.test { $0.maxMsgChanLen = 4 }, register: Self.world()) { server in
      let (slow, sender, other) = (
        try server.connect(receiveBuffer: 64 << 10), try server.connect(), try server.connect()
      )
      for peer in [slow, sender, other] { _ = try await peer.exchange(RawFrame(10, "red")) }
      _ = try SendingTests.fill(try await server.connection(0))
      for _ in 0..<20 {
        #expect(try await sender.exchange(RawFrame(12, "red:x")) == RawFrame(12, "1"))
        #expect(try await other.frame() == RawFrame(13, "x"))
      }
      #expect(server.server.counters.messagesSkipped == 20)
    }
  }

  /// Sends to its group what it is told from outside.
  private struct Announcer: RoutePlugin {
    static let name = "announcer"
    static let summary = "Keeps what it gets at the start."
    static let contexts = Recorder<PluginContext>()

    init(settings: inout PluginSettings) {}
    init() {}
    func register(in routes: inout RouteRegistrar) {
      routes.onConnStart { try $0.groups["all"].join($0) }
    }
    func start(in context: PluginContext) async throws { Self.contexts.append(context) }
  }

  @Test("a plugin that is started gets them, for what it does without a request")
  func plugin() async throws {
    try await TestServer.run(plugins: [Announcer()]) { server in
      let context = try #require(Announcer.contexts.all.first)
      let peer = try server.connect()
      try await until { context.groups["all"].count == 1 }
      #expect(try await context.groups["all"].broadcast(3, ByteBuffer(string: "doors open")) == Delivery(sent: 1))
      #expect(try await peer.frame() == RawFrame(3, "doors open"))
      #expect(context.connManager.count == 1 && context.users.count == 0)
    }
  }
}
