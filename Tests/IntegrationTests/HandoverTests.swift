import Glibc
import NIOCore
import Synchronization
import Testing
import Zinx
import ZinxTLS
import ZinxTestKit
import ZinxWire

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
    // The sets of the event loops know the former numbers.
    state.sockets = []
    for index in state.connections.indices { state.connections[index].registration = nil }
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
    workers: Int, timeout: Duration = .seconds(5), configure: (inout ServerConfiguration) -> Void = { _ in },
    before: (UInt16, Server) async throws -> Void, after: (Pair) async throws -> Void
  ) async throws {
    let configuration = ServerConfiguration.test(workers: workers, configure)
    let first = try Server(configuration, plugins: [Counting()])
    try await first.start()
    try await before(first.addresses[0].port, first)
    let held = try await hold(first, atMost: timeout)
    let plugin = Counting()
    let second = try Server(configuration, plugins: [plugin])
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

  private static func webSocket(_ configuration: inout ServerConfiguration) {
    configuration.endpoints = [Endpoint(name: "web", .tcp(host: "127.0.0.1", port: 0))]
    configuration.endpoints[0].transport = .webSocket
    configuration.endpoints[0].subprotocols = ["zinx"]
  }

  @Test("with WebSockets, wherever in their frames and messages they are", arguments: pools)
  func webSockets(workers: Int) async throws {
    let (one, two) = (Self.frame(3, "in two fragments"), Self.frame(5, ""))
    let stream =
      WebSocketPeer.frame(0x02, Array(one[..<9])) + WebSocketPeer.frame(0x89, [1, 2, 3])
      + WebSocketPeer.frame(0x80, Array(one[9...])) + WebSocketPeer.frame(0x82, two)
    var peers: [WebSocketPeer] = []
    try await Self.run(workers: workers, configure: Self.webSocket) { port, _ in
      for index in 0...stream.count {
        let peer = WebSocketPeer(try RawPeer(port: port))
        try await peer.upgrade("/?room=\(index)", "Sec-WebSocket-Protocol: zinx\r\n")
        try await peer.sendMessage(Self.frame(4, "\(index)"))
        #expect(try await peer.message() == RawFrame(4, "ok"))
        try await peer.send(Array(stream[..<index]))
        peers.append(peer)
      }
    } after: { pair in
      for (index, peer) in peers.enumerated() {
        let connection = try pair.second.connManager.get(UInt64(index))
        #expect(connection.webSocketRequest?.parameter("room") == "\(index)")
        #expect(connection.webSocketRequest?["Sec-WebSocket-Protocol"] == "zinx")
        #expect(connection.webSocketSubprotocol == "zinx")
        try await peer.send(Array(stream[index...]))
        var (messages, pongs): ([RawFrame], [[UInt8]]) = ([], [])
        while messages.count < 2 || pongs.isEmpty {
          let next = try await peer.frame()
          if next.first == 0x8a { pongs.append(next.payload) } else { messages.append(WebSocketPeer.message(in: next)) }
        }
        #expect(pongs == [[1, 2, 3]])
        #expect(messages == [RawFrame(3, "in two fragments"), RawFrame(5, "\(index) u\(index) g \(index)")])
      }
      // A close is answered by the program that goes on.
      try await peers[0].send(WebSocketPeer.frame(0x88, [3, 0xe8]))
      #expect(try await peers[0].frame().code == 1000)
      try await until { pair.second.counters.connectionsClosed == [.peerClosed: 1] }
    }
  }

  /// Two servers of which the second is to have another configuration. Both are to be ended by ``end(_:_:)``.
  private static func goOn(
    from first: Server, _ configuration: ServerConfiguration
  ) async throws -> (server: Server, state: HandoverState) {
    let held = try await hold(first)
    let second = try Server(configuration, plugins: [Counting()])
    #expect(second.obstacles(to: held.state) == [])
    let state = try copy(held.state)
    let there = state.listeners.filter(configuration.hasListener).map { EndpointSockets($0) }
    try await second.start(listeningOn: there, takingOver: state)
    return (second, state)
  }

  private static func end(_ first: Server, _ second: Server) async {
    for server in [second, first] {
      server.release()
      server.cutAll()
      await server.drain(timeout: .seconds(5))
    }
  }

  @Test("with one in a session that was told of the end: nobody waits for its own")
  func partedSession() async throws {
    let configuration = ServerConfiguration.tls(workers: 2) { _ in
    } rest: {
      $0.lingerTimeout = .seconds(1000)
    }
    let first = try Server(configuration, plugins: [Counting()])
    try await first.start()
    let peer = try TLSPeer(RawPeer(port: first.addresses[0].port))
    try await peer.shake()
    #expect(try await peer.exchange(RawFrame(3, "x")).text == "x")
    let counts = try await onThread { first.endThoseWhoCannotPass(within: .seconds(1000)) }
    #expect(counts == ["TLS": 1])
    #expect(first.connManager.count == 1)
    let (second, state) = try await Self.goOn(from: first, configuration)
    #expect(state.connections.map(\.life.phase) == [.lingering])
    #expect(second.connManager.count == 1)
    #expect(try await peer.receiveAll() == [])
    #expect(peer.end == .closed)
    peer.raw.close()
    try await until { second.connManager.count == 0 }
    #expect(second.counters.connectionsClosed == [.handover: 1])
    await Self.end(first, second)
  }

  @Test("and lets in who waits at an address that has changed meanwhile")
  func changedAddress() async throws {
    func configuration(_ host: String) -> ServerConfiguration {
      .test { $0.endpoints = [Endpoint(name: "zinx", .tcp(host: host, port: 0))] }
    }
    let first = try Server(configuration("127.0.0.1"), plugins: [Counting()])
    try await first.start()
    let port = first.addresses[0].port
    // Nobody accepts from here on, as in the middle of a handover.
    first.suspend()
    let waiting = try RawPeer(port: port)
    try await waiting.send(Self.frame(3, "let me in"))
    let (second, _) = try await Self.goOn(from: first, configuration("127.0.0.2"))
    second.resume()
    try await until { second.connManager.count == 1 }
    #expect(try await waiting.receive(Self.frame(3, "let me in").count) == Self.frame(3, "let me in"))
    #expect(second.addresses.map(\.description).allSatisfy { $0.hasPrefix("127.0.0.2:") })
    await Self.end(first, second)
  }

  @Test("and counts on from where the first was")
  func counters() async throws {
    var peer: RawPeer?
    try await Self.run(workers: 2) { port, _ in
      let (new, gone) = (try RawPeer(port: port), try RawPeer(port: port))
      for other in [new, gone] {
        try await other.send(Self.frame(3, "x"))
        _ = try await other.receive(Self.frame(3, "x").count)
      }
      gone.close()
      peer = new
    } after: { pair in
      try await until { pair.second.counters.connectionsClosed == [.peerClosed: 1] }
      let counters = pair.second.counters
      #expect((counters.connectionsAccepted, counters.requestsReceived, counters.messagesSent) == (2, 2, 2))
      #expect(counters.bytesReceived == 18)
      #expect(pair.second.reading.listeners.map(\.accepted) == [2])
    }
    peer?.close()
  }

  @Test("or not: a server that is released goes on as if nothing had been", arguments: pools)
  func released(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), plugins: [Counting()]) { test in
      let peer = try test.connect()
      let request = Self.frame(3, "request")
      for round in 0..<20 {
        try await peer.send(Array(request[..<5]))
        // The other one of the round before is gone, and this one has come.
        try await until { test.server.connManager.count == 1 }
        let held = try await Self.hold(test.server)
        #expect(held.state.connections.count == 1)
        // Both wait until it goes on.
        try await peer.send(Array(request[5...]))
        let other = try test.connect()
        try await other.send(request)
        try await onThread { test.server.release() }
        #expect(try await peer.receive(request.count) == request, "round \(round)")
        #expect(try await other.receive(request.count) == request, "round \(round)")
        other.close()
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
