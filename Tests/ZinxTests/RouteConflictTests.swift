import Testing
import ZinxIO
import ZinxWire

@testable import Zinx

@Suite("Routes of plugins on listeners that choose")
struct RouteConflictTests {
  /// Three plugins, of which the first and the second want id 7, and the second and the third a range.
  private static func routes() -> RouteRegistrar {
    var routes = RouteRegistrar(plugins: [First(), Second(), Third()])
    routes.route(1) { _ in }
    return routes
  }

  private static func endpoint(_ name: String, _ plugins: [String]?) -> Endpoint {
    var endpoint = Endpoint(name: name, .abstract(name: name))
    endpoint.plugins = plugins
    return endpoint
  }

  private static let ids = RouteConflict(ids: 7, first: "first", second: "second", listener: nil)
  private static let range = RouteConflict(ids: .range(20...25), first: "second", second: "third", listener: nil)

  private static func at(_ listener: String, _ conflict: RouteConflict) -> RouteConflict {
    RouteConflict(ids: conflict.ids, first: conflict.first, second: conflict.second, listener: listener)
  }

  @Test func `conflict as they do on one listener, if none of them chooses`() {
    let conflicts = Self.routes().conflicts(on: [Self.endpoint("a", nil), Self.endpoint("b", nil)])
    #expect(conflicts == [Self.ids, Self.range])
  }

  @Test func `conflict where both are, on the first listener that has both`() {
    let routes = Self.routes()
    func conflicts(_ endpoints: Endpoint...) -> [RouteConflict] { routes.conflicts(on: endpoints) }
    #expect(conflicts(Self.endpoint("a", ["first", "third"]), Self.endpoint("b", ["second"])).isEmpty)
    #expect(conflicts(Self.endpoint("a", ["first"]), Self.endpoint("b", ["second", "first"])) == [Self.at("b", Self.ids)])
    let all = conflicts(Self.endpoint("a", ["first", "second"]), Self.endpoint("b", nil))
    #expect(all == [Self.at("a", Self.ids), Self.at("b", Self.range)])
  }

  @Test func `are of the plugins that the listener has, and of no plugin`() throws {
    let part = Self.routes().only(["third"])
    #expect(part.ids == [.range(20...29), 1])
    #expect(part.hooks.start.count == 1 && part.hooks.stop.isEmpty && part.middleware.isEmpty && part.first.isEmpty)
    #expect(part.heartbeat == nil && part.authentication?.ids == [3])
    let first = Self.routes().only(["first"])
    #expect(first.ids == [7, 99_999, 1])
    #expect(first.middleware.count == 1 && first.first.count == 1 && first.heartbeat != nil && first.authentication == nil)
    #expect(first.hooks.start.isEmpty && first.hooks.stop.count == 1)
    #expect(Self.routes().only([]).ids == [1])
  }

  @Test func `of all have the ids of all who let peers in, and the heartbeat of the last`() {
    let routes = Self.routes()
    #expect(routes.authentication?.ids == [2, 3])
    #expect(routes.ids(of: "second") == [7, .range(15...25)])
  }

  @Test func `are prepared for each choice once, and a plugin that is not there is told with its listener`() throws {
    var configuration = ServerConfiguration()
    configuration.endpoints = [Self.endpoint("a", ["first"]), Self.endpoint("b", ["second"])]
    let server = try ServerContext(configuration, Self.routes(), accept: systemAccept) { _ in }
    let contexts = configuration.endpoints.map { server.context(for: $0, configuration) }
    #expect(contexts[0].handler !== contexts[1].handler)
    #expect(contexts[0].handler.hasRoute(7) && !contexts[0].handler.hasRoute(20) && contexts[1].handler.hasRoute(20))
    #expect(contexts[0].suits(configuration.endpoints[0], configuration))
    #expect(!contexts[0].suits(Self.endpoint("a", ["first", "third"]), configuration))
    let again = [Self.endpoint("c", ["second"])]
    try server.prepare(for: again)
    #expect(server.context(for: again[0], configuration).handler === contexts[1].handler)
    #expect(throws: ZinxError.pluginNotFound("fourth", listener: "d")) {
      try server.prepare(for: [Self.endpoint("d", ["fourth"])])
    }
    #expect(throws: ZinxError.duplicateRoute(ids: 7, first: "first", second: "second", listener: "e")) {
      try server.prepare(for: [Self.endpoint("e", ["second", "first"])])
    }
  }
}

private struct First: RoutePlugin {
  static let name = "first"
  static let summary = ""

  init() {}
  init(settings: inout PluginSettings) {}

  func register(in routes: inout RouteRegistrar) {
    routes.route(7) { _ in }
    routes.admit { _ in true }
    routes.beforeRouting { _ in true }
    routes.heartbeat(Heartbeat())
    routes.onConnStop { _, _ in }
  }
}

private struct Second: RoutePlugin {
  static let name = "second"
  static let summary = ""

  init() {}
  init(settings: inout PluginSettings) {}

  func register(in routes: inout RouteRegistrar) {
    routes.route(7) { _ in }
    routes.route(15...25) { _ in }
    routes.authenticate(Authentication(ids: [2]))
  }
}

private struct Third: RoutePlugin {
  static let name = "third"
  static let summary = ""

  init() {}
  init(settings: inout PluginSettings) {}

  func register(in routes: inout RouteRegistrar) {
    routes.route(20...29) { _ in }
    routes.onConnStart { _ in }
    routes.authenticate(Authentication(ids: [3]))
  }
}
