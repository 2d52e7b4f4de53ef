import Glibc
import NIOCore
import Synchronization
import Testing
import Zinx
import ZinxTestKit

private enum Room: LastingPropertyKey {
  typealias Value = String
  static let stateName = "room"
}

private enum Secret: PropertyKey { typealias Value = Int }

/// Counts what it has seen, and hands that over.
private struct Counting: RoutePlugin {
  static let name = "counting"
  static let summary = "Counts."
  static let handover = PluginHandover.stateful

  final class Count: Sendable {
    let value = Atomic<Int>(0)
    let wasTakenOver = Atomic<Bool>(false)
  }

  var count = Count()

  init() {}
  init(settings: inout PluginSettings) {}

  func register(in routes: inout RouteRegistrar) {
    routes.keep(Room.self)
    routes.route(3) { [count] request in
      count.value.add(1, ordering: .relaxed)
      try request.reply(request.data)
    }
    routes.route(4) { request in
      request.connection[Room.self] = String(buffer: request.data)
      try request.connection.bind(user: "u\(request.connection.id)")
      try request.connection.groups["g"].join(request.connection)
      try request.reply("ok")
    }
    routes.route(5) { request in
      let connection = request.connection
      let groups = connection.joinedGroups.map(\.name).joined(separator: ",")
      try request.reply("\(connection.id) \(connection.user ?? "-") \(groups) \(connection[Room.self] ?? "-")")
    }
    routes.route(6) { request in request.connection[Secret.self] = 1 }
  }

  func willHandOver() async throws -> [UInt8] { Array("\(count.value.load(ordering: .relaxed))".utf8) }

  func didTakeOver(_ state: [UInt8]?, in context: PluginContext) async throws {
    count.value.store(Int(String(decoding: state ?? [], as: UTF8.self)) ?? -1, ordering: .relaxed)
    count.wasTakenOver.store(true, ordering: .relaxed)
  }
}

private struct Silent: RoutePlugin {
  static let name = "silent"
  static let summary = "Says nothing of a handover."
  init() {}
  init(settings: inout PluginSettings) {}
  func register(in routes: inout RouteRegistrar) {}
}

/// Two servers in one process: what one holds, the other goes on with, by descriptors of its own.
@Suite("Another server goes on with the connections", .timeLimit(.minutes(1)))
struct HandoverTests {
  private static func frame(_ id: UInt32, _ text: String) -> [UInt8] { RawFrame(id, text).bytes() }

  /// Both ends as in a process that is executed anew: the descriptors are others, and the first server is gone without a word.
  private static func copy(_ state: HandoverState) throws -> HandoverState {
    var state = try HandoverState(state.bytes)
    for index in state.connections.indices { state.connections[index].descriptor = dup(state.connections[index].descriptor) }
    for index in state.listeners.indices { state.listeners[index].sockets = state.listeners[index].sockets.map { dup($0) } }
    return state
  }

  private static func hold(_ server: Server, atMost time: Duration = .seconds(5)) async throws -> HeldServer {
    try await onThread { try server.hold(atMost: time) }
  }

  private struct Pair {
    let first: Server
    let second: Server
    let plugin: Counting
    let held: HeldServer
  }

  /// Starts a server, lets `before` use its port, hands over, and lets `after` use the next one.
  private static func run(
    workers: Int, timeout: Duration = .seconds(5), before: (UInt16, Server) async throws -> Void,
    after: (Pair) async throws -> Void
  ) async throws {
    let first = try Server(.test(workers: workers), plugins: [Counting()])
    try await first.start()
    try await before(first.addresses[0].port, first)
    let held = try await hold(first, atMost: timeout)
    let plugin = Counting()
    let second = try Server(.test(workers: workers), plugins: [plugin])
    #expect(second.obstacles(to: held.state) == [])
    let state = try copy(held.state)
    try await second.start(listeningOn: state.listeners.map { EndpointSockets($0) }, takingOver: state)
    try await after(Pair(first: first, second: second, plugin: plugin, held: held))
    second.cutAll()
    await second.drain(timeout: .seconds(5))
    // Its sockets are shared with those of the other, which are closed.
    first.release()
    first.cutAll()
    await first.drain(timeout: .seconds(5))
  }

  @Test("in the middle of frames, with users, groups, properties, ids and what plugins know", arguments: pools)
  func everything(workers: Int) async throws {
    var peers: [RawPeer] = []
    let cut = Self.frame(3, "a frame that comes in two pieces")
    try await Self.run(workers: workers) { port, _ in
      for index in 0..<10 {
        let peer = try RawPeer(port: port)
        try await peer.send(Self.frame(4, "room \(index)") + cut[..<(3 * index + 1)])
        #expect(try await peer.frame() == RawFrame(4, "ok"))
        peers.append(peer)
      }
    } after: { pair in
      #expect(pair.held.state.connections.count == 10)
      let wasTakenOver = pair.plugin.count.wasTakenOver.load(ordering: .relaxed)
      #expect(wasTakenOver)
      for (index, peer) in peers.enumerated() {
        try await peer.send(Array(cut[(3 * index + 1)...]) + Self.frame(5, ""))
        let expected = cut + Self.frame(5, "\(index) u\(index) g room \(index)")
        #expect(try await peer.receive(expected.count) == expected)
      }
      #expect(pair.second.users.count == 10)
      #expect(pair.second.groups["g"].count == 10)
      let count = pair.plugin.count.value.load(ordering: .relaxed)
      #expect(count == 10)
      // Whoever comes now is the eleventh.
      let peer = try RawPeer(port: pair.second.addresses[0].port)
      try await peer.send(Self.frame(5, ""))
      let expected = Self.frame(5, "10 -  -")
      #expect(try await peer.receive(expected.count) == expected)
    }
  }

  @Test("with requests that were received and not handled, each answered once and in order", arguments: pools)
  func pipelined(workers: Int) async throws {
    let count = 5000
    let requests = (0..<count).flatMap { Self.frame(3, "\($0)") }
    var peer: RawPeer?
    try await Self.run(workers: workers) { port, _ in
      let new = try RawPeer(port: port)
      try await new.send(requests)
      peer = new
    } after: { _ in
      let answers = try await peer?.receive(requests.count)
      #expect(answers == requests)
    }
  }

  @Test("with what waits for a peer that does not read")
  func slowReader() async throws {
    let text = String(repeating: "x", count: 4000)
    let requests = (0..<3000).flatMap { _ in Self.frame(3, text) }
    var peer: RawPeer?
    var sending: Task<Void, any Error>?
    try await Self.run(workers: 2) { port, server in
      let new = try RawPeer(port: port, receiveBuffer: 4096)
      sending = Task { try await new.send(requests) }
      try await until { server.queuedBytes > 1 << 20 }
      peer = new
    } after: { pair in
      #expect(pair.held.state.connections.first?.outbox.frames ?? 0 > 1)
      #expect(try await peer?.receive(requests.count) == requests)
      try await sending?.value
    }
  }

  @Test("after an end that was not over: OnConnStop runs once, in the one that goes on")
  func ending() async throws {
    var peer: RawPeer?
    try await Self.run(workers: 0) { port, server in
      let new = try RawPeer(port: port)
      try await new.send(Self.frame(4, "x"))
      _ = try await new.receive(Self.frame(4, "ok").count)
      try server.connManager.get(0).stop()
      // Lingers: we have not closed.
      #expect(try await new.receiveAll() == [])
      peer = new
    } after: { pair in
      #expect(pair.held.state.connections.first?.life.phase == .lingering)
      #expect(pair.second.connManager.count == 1)
      peer?.close()
      peer = nil
      try await until { pair.second.connManager.count == 0 }
      #expect(pair.second.counters.connectionsClosed == [.stopped: 1])
    }
  }

  @Test("but not with one that has a property nobody writes down: it ends, and says why")
  func unkept() async throws {
    let server = try Server(.test(workers: 0), plugins: [Counting()])
    try await server.start()
    let peer = try RawPeer(port: server.addresses[0].port)
    try await peer.send(Self.frame(6, "") + Self.frame(3, "x"))
    _ = try await peer.receive(Self.frame(3, "x").count)
    let counts = try await onThread { server.endThoseWhoCannotPass(within: .milliseconds(1)) }
    #expect(counts == ["a property of type Int that is not written down": 1])
    #expect(try await peer.receiveAll() == [])
    try await until { server.connManager.count == 0 }
    #expect(server.counters.connectionsClosed == [.handover: 1])
    await server.drain(timeout: .seconds(5))
  }

  @Test("nor with what one has received and queued that cannot pass and is not gone in time: the other ends it")
  func leftOver() async throws {
    let configuration = ServerConfiguration.test(workers: 0) {
      $0.endpoints = [Endpoint(name: "web", .tcp(host: "127.0.0.1", port: 0))]
      $0.endpoints[0].transport = .webSocket
    }
    try await TestServer.run(configuration, plugins: [Counting()]) { test in
      let peer = WebSocketPeer(try test.connect())
      try await peer.upgrade()
      // Of the second message there is a part.
      try await peer.sendMessage(Self.frame(3, "x") + Self.frame(3, "a part of it")[..<9])
      _ = try await peer.receive(2 + Self.frame(3, "x").count)
      let held = try await Self.hold(test.server)
      let state = try #require(held.state.connections.first)
      #expect((state.inbox, state.outbox) == ([], OutboxState()))
      #expect((state.life.reason, state.life.isBroken) == ("handover", true))
      try await onThread { test.server.release() }
    }
  }

  @Test("or not: a server that is released goes on as if nothing had been", arguments: pools)
  func released(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), plugins: [Counting()]) { test in
      let peer = try test.connect()
      let request = Self.frame(3, "request")
      for round in 0..<20 {
        try await peer.send(Array(request[..<5]))
        let held = try await Self.hold(test.server)
        #expect(held.state.connections.count == 1)
        // Both wait until it goes on.
        try await peer.send(Array(request[5...]))
        let other = try test.connect()
        try await other.send(request)
        try await onThread { test.server.release() }
        #expect(try await peer.receive(request.count) == request, "round \(round)")
        #expect(try await other.receive(request.count) == request, "round \(round)")
      }
    }
  }

  @Test("refuses a state that it cannot take, with each reason")
  func obstacles() throws {
    let server = try Server(.test(workers: 0), plugins: [Silent()])
    var state = HandoverState()
    var listener = ListenerState()
    (listener.name, listener.framing) = ("zinx", "ltv-le")
    var foreign = ListenerState()
    (foreign.name, foreign.framing) = ("gone", "some codec")
    state.listeners = [listener, foreign]
    state.plugins = [NamedState("chat", [])]
    state.connections = [0, 0, 1].map { listener in
      var connection = ConnectionState()
      connection.listener = listener
      connection.properties = [NamedState("room", [])]
      return connection
    }
    #expect(
      server.obstacles(to: state) == [
        "the plugin \"silent\" does not say what becomes of what it knows",
        "the plugin \"chat\" has handed something over, and nobody here takes it",
        "2 connections: no plugin of this program has the property \"room\"",
        "1 connections: the listener \"gone\" speaks some codec, which this configuration does not have",
      ])
  }

  @Test("a handler that does not end in time is given up, and its connection with it", arguments: pools)
  func blocked(workers: Int) async throws {
    let gate = Gate()
    let server = try Server(.test(workers: workers), plugins: [Counting()]) { routes in
      routes.route(9) { request async throws in
        try await gate.pass()
        try request.reply("late")
      }
    }
    try await server.start()
    let (blocked, good) = (try RawPeer(port: server.addresses[0].port), try RawPeer(port: server.addresses[0].port))
    try await good.send(Self.frame(3, "x"))
    _ = try await good.receive(Self.frame(3, "x").count)
    try await blocked.send(Self.frame(3, "y") + Self.frame(9, ""))
    _ = try await blocked.receive(Self.frame(3, "y").count)
    let held = try await Self.hold(server, atMost: .milliseconds(1))
    // It was cancelled, and took notice.
    #expect(held.abandoned == 0)
    #expect(Set(held.state.connections.map(\.life.reason)) == ["", "handover"])
    try await onThread { server.release() }
    gate.open()
    server.cutAll()
    await server.drain(timeout: .seconds(5))
  }
}
