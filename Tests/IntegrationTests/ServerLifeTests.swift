import Glibc
import NIOCore
import Synchronization
import Testing
import Zinx
import ZinxTestKit

private struct Broken: Error {}

/// Notes its starts and stops; fails to start if told so.
private struct Noting: RoutePlugin {
  static let name = "noting"
  static let summary = "Notes."
  var label = ""
  var fails = false
  var log = Recorder<String>()

  init(settings: inout PluginSettings) {}
  init(_ label: String, _ log: Recorder<String>, fails: Bool = false) { (self.label, self.log, self.fails) = (label, log, fails) }

  func register(in routes: inout RouteRegistrar) {}
  func start() async throws {
    log.append("start \(label)")
    if fails { throw Broken() }
  }
  func stop() async { log.append("stop \(label)") }
}

/// Begins something that does not end when it is cancelled, and fails to start.
private struct Stubborn: RoutePlugin {
  static let name = "stubborn"
  static let summary = "Goes on."
  let gate: Gate

  init(settings: inout PluginSettings) { gate = Gate() }
  init(gate: Gate) { self.gate = gate }

  func register(in routes: inout RouteRegistrar) {}
  func start(in context: PluginContext) async throws {
    context.task { [gate] in try await Task.detached { try await gate.pass() }.value }
    throw Broken()
  }
  func stop() async {}
}

@Suite("The life of a server", .timeLimit(.minutes(1)))
struct ServerLifeTests {
  @Test("plugins start in order before it listens and stop in reverse after the last connection has ended")
  func plugins() async throws {
    let log = Recorder<String>()
    let test = try TestServer(.test(), plugins: [Noting("a", log), Noting("b", log)]) { routes in
      routes.onConnStop { _, _ in log.append("connection ended") }
    }
    try await test.start()
    let peer = try test.connect()
    _ = try await test.connection()
    async let cut = test.server.drain(timeout: .seconds(20))
    #expect(try await peer.receiveAll() == [])
    peer.close()
    #expect(await cut == 0)
    #expect(log.all == ["start a", "start b", "connection ended", "stop b", "stop a"])
  }

  @Test("a connection is told of as added before it is told of as ended, however early its end comes", arguments: pools)
  func addedFirst(workers: Int) async throws {
    let gate = BlockingGate()
    let lines = Recorder<String>()
    let server = try Server(
      .test(workers: workers),
      onEvent: { event in
        switch event {
        case .connectionAdded(let connection, _):
          lines.append("accepted \(connection.id)")
          if connection.id == 1 { gate.pass() }
          lines.append("added \(connection.id)")
        case .connectionEnded(let connection, _, _, _): lines.append("ended \(connection.id)")
        default: break
        }
      })
    try await server.start()
    let peers = try (0..<2).map { _ in try RawPeer(port: server.addresses[0].port) }
    try await lines.wait(for: "accepted 1")
    // The listener's loop is held; the connection belongs to the other one.
    try server.connManager.get(1).stop()
    let answered = Recorder<Int>()
    _ = server.pingLoops { answered.append($0) }
    try await answered.wait { $0.contains(1) }
    gate.open()
    try await lines.wait(for: "ended 1")
    #expect(lines.all.filter { $0.hasSuffix("1") } == ["accepted 1", "added 1", "ended 1"])
    _ = peers
    server.cutAll()
    await server.drain(timeout: .seconds(5))
  }

  @Test("a plugin that fails to start stops those before it, and the port is free again")
  func pluginFails() async throws {
    let log = Recorder<String>()
    let holder = try TestServer(.test())
    try await holder.start()
    let port = holder.port
    await holder.server.drain(timeout: .zero)
    let configuration = ServerConfiguration.test { $0.port = port }
    let test = try TestServer(configuration, plugins: [Noting("a", log), Noting("b", log, fails: true), Noting("c", log)])
    await #expect(throws: Broken.self) { try await test.start() }
    #expect(log.all == ["start a", "start b", "stop a"])
    try await TestServer.run(configuration) { #expect($0.port == port) }
  }

  @Test("a plugin that fails to start holds nobody up, though what it does by itself goes on when it is cancelled")
  func stubbornTask() async throws {
    let gate = Gate()
    let test = try TestServer(.test(), plugins: [Stubborn(gate: gate)])
    await #expect(throws: Broken.self) { try await test.start() }
    #expect(
      test.events.all.contains { if case .pluginTasksAbandoned(plugin: "stubborn", count: 1) = $0 { true } else { false } })
    gate.open()
  }

  @Test("what is applied before a start is what it starts with, or what it fails for")
  func appliedBefore() async throws {
    let log = Recorder<String>()
    let configuration = ServerConfiguration.test()
    var changed = configuration
    changed.endpoints = [Endpoint(name: "other", .tcp(host: "127.0.0.1", port: 0))]
    changed.endpoints[0].plugins = ["noting"]
    let test = try TestServer(configuration, plugins: [Noting("a", log)], register: { $0.route(7, echo) })
    test.server.apply(changed)
    try await test.start()
    #expect(test.server.listeners.map(\.name) == ["other"])
    #expect(try await test.servesPeer())
    await test.server.drain(timeout: .seconds(5))
    changed.endpoints[0].plugins = ["nobody"]
    let failing = try TestServer(configuration, plugins: [Noting("a", log)])
    try await failing.server.reload(changed)
    await #expect(throws: ZinxError.pluginNotFound("nobody", listener: "other")) { try await failing.start() }
  }

  @Test("sockets of a listener that is no more when it starts are an error")
  func lostListener() async throws {
    let test = try TestServer(.test())
    let sockets = try await test.server.openSockets()
    var changed = ServerConfiguration.test()
    changed.endpoints = [Endpoint(name: "other", .tcp(host: "127.0.0.1", port: 0))]
    test.server.apply(changed)
    await #expect(throws: ZinxError.listenerNotFound(name: sockets[0].name)) { try await test.server.start(listeningOn: sockets) }
  }

  @Test("a drain closes connections of one event loop while a handler blocks another")
  func blockedLoop() async throws {
    let gate = BlockingGate()
    let test = try TestServer(.test(), register: { $0.route(7) { _ in gate.pass() } })
    try await test.start()
    // The first lives on the loop of the listener, the second on the other.
    let (free, blocked) = (try test.connect(), try test.connect())
    _ = try await test.connection(1)
    try await blocked.send(RawFrame(7).bytes())
    async let cut = test.server.drain(timeout: .seconds(20))
    #expect(try await free.receiveAll().isEmpty)
    free.close()
    #expect(try await test.reasons(1) == [.draining])
    gate.open()
    #expect(try await blocked.receiveAll().isEmpty)
    blocked.close()
    #expect(await cut == 0)
  }

  @Test("a server starts once")
  func startsOnce() async throws {
    try await TestServer.run { server in
      await #expect(throws: ZinxError.alreadyStarted) { try await server.start() }
      _ = try server.connect()
    }
  }

  @Test("a port that is taken is an error that names the address")
  func portTaken() async throws {
    try await TestServer.run { server in
      let port = server.port
      let second = try TestServer(.test { $0.port = port })
      await #expect(throws: ZinxError.cannotListen(address: "127.0.0.1:\(port)", call: "bind", code: EADDRINUSE)) {
        try await second.start()
      }
    }
  }

  @Test("a host without an address is an error that names it")
  func noHost() async throws {
    let test = try TestServer(.test { $0.host = "256.256.256.256" })
    await #expect { try await test.start() } throws: { error in
      if case .hostNotFound("256.256.256.256", _) = error as? ZinxError { true } else { false }
    }
  }

  @Test("two plugins that want one id are an error before anything starts")
  func duplicateRoute() {
    #expect(throws: ZinxError.duplicateRoute(ids: 4, first: "broadcast", second: "server")) {
      _ = try TestServer(.test(), plugins: BroadcastTests.plugin(), register: { $0.route(4) { _ in } })
    }
  }

  @Test("it listens on IPv6 too")
  func ipv6() async throws {
    let test = try TestServer(.test { $0.host = "::1" })
    try await test.start()
    #expect(test.server.addresses.map(\.description) == ["[::1]:\(test.port)"])
    await test.server.drain(timeout: .seconds(1))
  }

  /// A blocking listening socket on a free port, as somebody else would pass it.
  static func listeningSocket() throws -> Int32 {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let status = withUnsafeBytes(of: address) {
      bind(number, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t($0.count))
    }
    try #require(status == 0 && listen(number, 100) == 0)
    return number
  }

  @Test("it serves sockets that were opened by others, and counts connections from 0 over all of them")
  func inherited() async throws {
    let test = try TestServer(.test(), register: { $0.route(7, echo) })
    try await test.server.start(listeningOn: [try Self.listeningSocket(), try Self.listeningSocket()])
    let ports = test.server.addresses.map(\.port)
    #expect(ports.count == 2)
    for port in ports + ports {
      let peer = try RawPeer(port: port)
      #expect(try await peer.exchange(RawFrame(7, "hello")).text == "hello")
    }
    _ = try await test.reasons(4)
    #expect(test.added.map(\.id) == [0, 1, 2, 3])
    await test.server.drain(timeout: .seconds(20))
  }

  @Test("of several listeners each lets those in who wait for a place")
  func inheritedWait() async throws {
    let configuration = ServerConfiguration.test {
      $0.maxConn = 1
      $0.overloadPolicy = .wait
    }
    let test = try TestServer(configuration, register: { $0.route(7, echo) })
    try await test.server.start(listeningOn: [try Self.listeningSocket(), try Self.listeningSocket()])
    let ports = test.server.addresses.map(\.port)
    let first = try RawPeer(port: ports[0])
    #expect(try await first.exchange(RawFrame(7, "in")).text == "in")
    let waiting = try ports.map { try RawPeer(port: $0) }
    for peer in waiting { try await peer.send(RawFrame(7, "waited")) }
    first.close()
    // Whichever is let in first leaves at once.
    for peer in waiting { peer.shutdownWrite() }
    for peer in waiting { #expect(try await peer.receiveAll() == RawFrame(7, "waited").bytes()) }
    await test.server.drain(timeout: .seconds(20))
  }

  @Test("ids count from 0 and are never used again")
  func ids() async throws {
    try await TestServer.run { server in
      for _ in 0..<20 { try server.connect().close() }
      _ = try await server.reasons(20)
      #expect(server.added.map(\.id) == Array(0..<20))
    }
  }

  @Test("every event loop answers")
  func loops() async throws {
    let answers = Recorder<Int>()
    try await TestServer.run(.test { $0.ioThreads = 3 }) { server in
      #expect(server.server.pingLoops { answers.append($0) } == 3)
      let indices = try await answers.wait(for: 3)
      #expect(indices.sorted() == [0, 1, 2])
    }
  }
}
