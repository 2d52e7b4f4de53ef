import NIOCore
import Testing
import Zinx
import ZinxTestKit
import ZinxWire

@Suite("A user who logs in again while requests are in flight, on ten workers", .timeLimit(.minutes(1)))
struct SecondLoginTests {
  /// 14 logs in, 7 echoes, 20 waits for the gate, 16 sends its data to the user `u1` under 17.
  private static func world(_ second: SecondLogin, _ begun: Recorder<Bool>, _ gate: Gate) -> (inout RouteRegistrar) -> Void {
    { routes in
      routes.authenticate(Authentication(ids: [14]))
      routes.route(7, echo)
      routes.route(14) { request in
        do throws(ZinxError) {
          try request.connection.bind(user: request.data.text, second)
          try request.reply("welcome")
        } catch .userIsBound { try request.reply("taken") }
      }
      routes.route(16) { request in
        let sent = try await request.users.send(to: "u1", 17, request.data).sent
        try await request.connection.sendBuffMsg(16, "\(sent)")
      }
      routes.route(20) { request in
        begun.append(true)
        try await gate.pass()
        try await request.connection.sendBuffMsg(20, "slow")
      }
    }
  }

  private static let inFlight = [RawFrame(20)] + (0..<5).map { RawFrame(7, "\($0)") }
  private static let answers = [RawFrame(20, "slow")] + inFlight[1...]

  private func run(
    _ second: SecondLogin, _ body: (TestServer, _ first: RawPeer, _ second: RawPeer, Gate) async throws -> Void
  ) async throws {
    let (begun, gate) = (Recorder<Bool>(), Gate())
    try await TestServer.run(.test(workers: 10), register: Self.world(second, begun, gate)) { server in
      let first = try server.connect()
      try await first.send([RawFrame(14, "u1")] + Self.inFlight)
      #expect(try await first.frame() == RawFrame(14, "welcome"))
      // One is handled, five wait behind it.
      try await begun.wait(for: 1)
      try await body(server, first, try server.connect(), gate)
    }
  }

  @Test func `replaces the first: what it was asked last is still answered, what waits behind that is not`() async throws {
    let notice = Message(id: 9, data: ByteBuffer(string: "logged in elsewhere"))
    try await run(.replace(notice: notice)) { server, first, second, gate async throws in
      #expect(try await second.exchange(RawFrame(14, "u1")).text == "welcome")
      // The new one is served, and is the user's only one, while the old one's handler runs.
      #expect(server.server.users["u1"].map(\.id) == [1])
      #expect(try await second.exchange(RawFrame(7, "here")).text == "here")
      try await second.send(RawFrame(16, "news"))
      #expect(try await Set(second.frames(2)) == [RawFrame(17, "news"), RawFrame(16, "1")])
      #expect(try await first.frame() == RawFrame(9, "logged in elsewhere"))
      gate.open()
      #expect(try await first.receiveAll() == RawFrame(20, "slow").bytes())
      first.close()
      #expect(try await server.reason(0) == .replaced)
      #expect(server.server.users["u1"].map(\.id) == [1])
    }
  }

  @Test func `is refused: the first has all its answers, and the second may try again when it has gone`() async throws {
    try await run(.refuse) { server, first, second, gate async throws in
      #expect(try await second.exchange(RawFrame(14, "u1")).text == "taken")
      #expect(server.server.users["u1"].map(\.id) == [0])
      first.shutdownWrite()
      // It has said its last, and is there until it has been answered.
      #expect(try await second.exchange(RawFrame(14, "u1")).text == "taken")
      gate.open()
      #expect(try await first.receiveAll() == Self.answers.flatMap { $0.bytes() })
      first.close()
      #expect(try await server.reason(0) == .peerClosed)
      #expect(try await second.exchange(RawFrame(14, "u1")).text == "welcome")
      #expect(try await second.exchange(RawFrame(7, "in")).text == "in")
    }
  }

  @Test func `is allowed: both are the user's, and the first has all its answers and what was sent meanwhile`() async throws {
    try await run(.allow) { server, first, second, gate async throws in
      #expect(try await second.exchange(RawFrame(14, "u1")).text == "welcome")
      #expect(server.server.users["u1"].map(\.id).sorted() == [0, 1])
      try await second.send(RawFrame(16, "news"))
      #expect(try await Set(second.frames(2)) == [RawFrame(17, "news"), RawFrame(16, "2")])
      #expect(try await first.frame() == RawFrame(17, "news"))
      gate.open()
      #expect(try await first.frames(6) == Self.answers)
    }
  }

  @Test func `forty at once leave one: it has all its answers, each other one those of some first requests and one notice`()
    async throws
  {
    let (gate, notice) = (Gate(), Message(id: 9, data: ByteBuffer(string: "elsewhere")))
    let register = Self.world(.replace(notice: notice), Recorder<Bool>(), gate)
    try await TestServer.run(.test(workers: 10), register: register) { server async throws in
      let peers = try (0..<40).map { _ in try server.connect() }
      let asked = (0..<20).map { RawFrame(7, "\($0)") }
      for peer in peers { try await peer.send([RawFrame(14, "u1")] + asked) }
      #expect(try await server.reasons(39) == Array(repeating: .replaced, count: 39))
      var complete = 0
      for peer in peers {
        peer.shutdownWrite()
        var frames: [RawFrame] = []
        do { while true { frames.append(try await peer.frame()) } } catch RawPeer.Failure.ended {}
        let (echoes, notices) = (frames.filter { $0.id == 7 }, frames.count { $0.id == 9 })
        #expect(echoes == Array(asked.prefix(echoes.count)))
        #expect(frames.count { $0 == RawFrame(14, "welcome") } == 1)
        #expect(frames.count == 1 + notices + echoes.count)
        if notices == 0 {
          complete += 1
          #expect(echoes.count == 20)
        } else {
          #expect(notices == 1)
        }
        peer.close()
      }
      #expect(complete == 1)
      #expect(try await server.reasons(40).count { $0 == .peerClosed } == 1)
      #expect(server.server.users.count == 0)
    }
  }
}

@Suite("Groups of a server with ten workers and their model", .timeLimit(.minutes(1)))
struct GroupModelTests {
  /// A peer, and what it has been told by groups.
  private final class Member {
    let peer: RawPeer
    var news = 0

    init(_ peer: RawPeer) { self.peer = peer }

    /// The answer to a request; news that come before it are counted.
    func ask(_ id: UInt32, _ text: String) async throws -> String {
      try await peer.send(RawFrame(id, text))
      while true {
        let frame = try await peer.frame()
        if frame.id == id { return frame.text }
        #expect(frame == RawFrame(13, "news"))
        news += 1
      }
    }
  }

  /// 10 joins the group that the data names, 11 leaves it, and 12 sends to all others of it under 13: each handler waits in between, so
  /// that it ends on its worker in another job than it began in.
  @Sendable private static func world(_ routes: inout RouteRegistrar) {
    routes.route(10) { request in
      await Task.yield()
      try await request.connection.sendBuffMsg(10, try request.groups[request.data.text].join(request.connection) ? "new" : "old")
    }
    routes.route(11) { request in
      await Task.yield()
      let was = request.groups[request.data.text].leave(request.connection)
      try await request.connection.sendBuffMsg(11, was ? "left" : "none")
    }
    routes.route(12) { request in
      let group = request.groups[request.data.text]
      let delivery = try await group.broadcast(13, ByteBuffer(string: "news"), except: request.connection)
      try await request.connection.sendBuffMsg(12, "\(delivery.sent)")
    }
  }

  private static let names = ["a", "b", "c", "d"]

  private func connect(_ server: TestServer, _ count: Int) async throws -> [Member] {
    var members: [Member] = []
    for _ in 0..<count {
      let member = Member(try server.connect())
      // It is there, so its number is the next.
      #expect(try await member.ask(11, "nothing") == "none")
      members.append(member)
    }
    return members
  }

  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func `are what the model says after a thousand joins, leaves, ends and messages at random`(seed: UInt64) async throws {
    var random = SplitMix64(seed: seed)
    try await TestServer.run(.test(workers: 10), register: Self.world) { server async throws in
      let groups = server.server.groups
      let peers = try await connect(server, 12)
      var model: [String: Set<Int>] = [:]
      var (ended, messages) = (Set<Int>(), [Int](repeating: 0, count: 12))
      for step in 0..<1000 {
        let name = Self.names[Int.random(in: 0..<4, using: &random)]
        let index = Int.random(in: 0..<12, using: &random)
        guard !ended.contains(index) else { continue }
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<45:
          let isNew = model[name, default: []].insert(index).inserted
          #expect(try await peers[index].ask(10, name) == (isNew ? "new" : "old"))
        case 45..<75:
          let was = model[name, default: []].remove(index) != nil
          #expect(try await peers[index].ask(11, name) == (was ? "left" : "none"))
        case 75..<98:
          let receivers = model[name, default: []].subtracting([index])
          #expect(try await peers[index].ask(12, name) == "\(receivers.count)")
          for receiver in receivers { messages[receiver] += 1 }
        default:
          guard ended.count < 6, step > 300 else { continue }
          ended.insert(index)
          for name in Self.names { model[name]?.remove(index) }
          // What it was told before its end is there, too.
          peers[index].peer.shutdownWrite()
          let rest = try await peers[index].peer.receiveAll()
          peers[index].news += rest.count / RawFrame(13, "news").bytes().count
          peers[index].peer.close()
          _ = try await server.reason(UInt64(index))
        }
        #expect(groups[name].members.map { Int($0.id) }.sorted() == model[name, default: []].sorted())
        #expect(groups.count == model.values.count { !$0.isEmpty })
      }
      for (index, peer) in peers.enumerated() where !ended.contains(index) { _ = try await peer.ask(11, "nothing") }
      #expect(peers.map(\.news) == messages)
    }
  }

  @Test func `have those whom their own requests left in them, when all join, leave, send and end at once`() async throws {
    try await TestServer.run(.test(workers: 10), register: Self.world) { server async throws in
      let peers = try (0..<12).map { _ in try server.connect() }
      let left = try await withThrowingTaskGroup(of: Set<String>.self) { tasks in
        for (index, peer) in peers.enumerated() {
          tasks.addTask {
            var (random, joined) = (SplitMix64(seed: UInt64(index)), Set<String>())
            let member = Member(peer)
            for _ in 0..<84 {
              let name = Self.names[Int.random(in: 0..<4, using: &random)]
              switch Int.random(in: 0..<4, using: &random) {
              case 0, 1: #expect(try await member.ask(10, name) == (joined.insert(name).inserted ? "new" : "old"))
              case 2: #expect(try await member.ask(11, name) == (joined.remove(name) != nil ? "left" : "none"))
              default:
                let sent = Int(try await member.ask(12, name)) ?? .max
                #expect(sent < 12)
              }
            }
            // Every third goes in the middle of it all.
            guard index % 3 == 0 else { return joined }
            peer.close()
            return []
          }
        }
        return try await tasks.reduce(into: [String: Int]()) { counts, names in
          for name in names { counts[name, default: 0] += 1 }
        }
      }
      _ = try await server.reasons(4)
      for name in Self.names { #expect(server.server.groups[name].count == left[name, default: 0]) }
    }
  }
}
