import NIOCore
import Testing
import ZinxPlugins
import ZinxTestKit

@testable import Zinx

@Suite("Listeners that choose their plugins", .timeLimit(.minutes(1)))
struct ListenerPluginTests {
  /// Both answer id 7, with their names.
  private static let plugins: [any RoutePlugin] = [Named<Game>(), Named<Admin>()]

  private static func run(
    _ endpoints: [Endpoint], workers: Int = 0, use body: (TestServer, ServerConfiguration) async throws -> Void
  ) async throws {
    let configuration = EndpointTests.configuration(endpoints, workers: workers)
    let register: (inout RouteRegistrar) -> Void = { $0.route(1) { try $0.reply("all") } }
    try await TestServer.run(configuration, plugins: plugins, register: register) { try await body($0, configuration) }
  }

  private static func endpoint(_ name: String, _ plugins: [String]) -> Endpoint {
    EndpointTests.endpoint(name) { $0.plugins = plugins }
  }

  private static func ask(_ peer: RawPeer, _ id: UInt32 = 7) async throws -> String {
    try await peer.exchange(RawFrame(id, "")).text
  }

  @Test("have only their routes, hooks and middleware, and what is no plugin's", arguments: pools)
  func apart(workers: Int) async throws {
    try await Self.run([Self.endpoint("a", ["game"]), Self.endpoint("b", ["admin"])], workers: workers) { server, _ in
      let (a, b) = (try EndpointTests.connect(server, "a"), try EndpointTests.connect(server, "b"))
      for (peer, name) in [(a, "game"), (b, "admin")] {
        // OnConnStart, then the route, then what only this plugin's middleware has seen.
        #expect(try await peer.frame().text == "hello of \(name)")
        #expect(try await Self.ask(peer) == name)
        #expect(try await Self.ask(peer, 8) == "\(name) 2")
        #expect(try await Self.ask(peer, 1) == "all")
      }
      #expect(server.server.listeners.map(\.plugins) == [["game"], ["admin"]])
    }
  }

  @Test func `take another choice at a reload, for those who come from then on`() async throws {
    try await Self.run([Self.endpoint("a", ["game"])]) { server, configuration in
      let before = try EndpointTests.connect(server, "a")
      #expect(try await before.frame().text == "hello of game")
      var new = configuration
      new.endpoints = [Self.endpoint("a", ["admin"]), Self.endpoint("b", ["game"])]
      try await server.server.reload(new)
      let (after, other) = (try EndpointTests.connect(server, "a"), try EndpointTests.connect(server, "b"))
      #expect(try await after.frame().text == "hello of admin")
      #expect(try await other.frame().text == "hello of game")
      #expect(try await Self.ask(after) == "admin")
      #expect(try await Self.ask(other) == "game")
      #expect(try await Self.ask(before) == "game")
    }
  }

  @Test func `leave nothing behind when they are gone, and their connections have what they had`() async throws {
    try await Self.run([Self.endpoint("a", ["game"])]) { server, configuration in
      let before = try EndpointTests.connect(server, "a")
      #expect(try await before.frame().text == "hello of game")
      var new = configuration
      for name in ["admin", "game", "admin"] {
        new.endpoints = [Self.endpoint("a", [name])]
        try await server.server.reload(new)
        #expect(server.server.context.handlerCount == 1)
      }
      #expect(try await Self.ask(before) == "game")
      #expect(try await EndpointTests.connect(server, "a").frame().text == "hello of admin")
    }
  }

  @Test func `that would have two plugins with one id, or one that does not run, keep a reload from changing anything`()
    async throws
  {
    try await Self.run([Self.endpoint("a", ["game"])]) { server, configuration in
      var new = configuration
      new.maxConn = 1
      new.endpoints = [Self.endpoint("a", ["game", "admin"])]
      await #expect(throws: ZinxError.duplicateRoute(ids: 7, first: "game", second: "admin", listener: "a")) {
        try await server.server.reload(new)
      }
      new.endpoints = [Self.endpoint("a", ["game"]), Self.endpoint("b", ["ping"])]
      await #expect(throws: ZinxError.pluginNotFound("ping", listener: "b")) { try await server.server.reload(new) }
      #expect(server.server.listeners.map(\.name) == ["a"])
      #expect(server.server.maxConn == configuration.maxConn)
    }
  }

  @Test func `that would have two plugins with one id keep a server from being made`() {
    let configuration = EndpointTests.configuration([Self.endpoint("a", ["game"]), EndpointTests.endpoint("b")])
    #expect(throws: ZinxError.duplicateRoute(ids: 7, first: "game", second: "admin", listener: "b")) {
      try Server(configuration, plugins: Self.plugins)
    }
  }
}

private protocol Word: SendableMetatype { static var text: String { get } }
private enum Game: Word { static let text = "game" }
private enum Admin: Word { static let text = "admin" }

/// Says its name in each way in which a plugin can.
private struct Named<Name: Word>: RoutePlugin {
  private enum Seen: PropertyKey { typealias Value = Int }

  static var name: String { Name.text }
  static var summary: String { "" }

  init() {}
  init(settings: inout PluginSettings) {}

  func register(in routes: inout RouteRegistrar) {
    routes.onConnStart { connection in try await connection.sendBuffMsg(0, ByteBuffer(string: "hello of \(Name.text)")) }
    routes.admit { request in
      request.connection[Seen.self] = (request.connection[Seen.self] ?? 0) + 1
      return true
    }
    routes.route(7) { request in try request.reply(Name.text) }
    routes.route(8) { request in try request.reply("\(Name.text) \(request.connection[Seen.self] ?? 0)") }
  }
}
