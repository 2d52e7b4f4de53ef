import Glibc
import Synchronization
import Testing
import Zinx
import ZinxPlugins
import ZinxTestKit

@Suite("A reload of plugins", .timeLimit(.minutes(1)))
struct PluginReloadTests {
  private static func run(use body: (TestServer) async throws -> Void) async throws {
    try await TestServer.run(.test(), plugins: [Motto("a"), Other("a"), Fixed("a")]) { try await body($0) }
  }

  private static func ask(_ peer: RawPeer) async throws -> [String] {
    var answers: [String] = []
    for id: UInt32 in [60, 61, 62] { answers.append(try await peer.exchange(RawFrame(id, "")).text) }
    return answers
  }

  @Test func `puts new settings into force in those that take them, for open connections too`() async throws {
    try await Self.run { server in
      let peer = try server.connect()
      #expect(try await Self.ask(peer) == ["a", "a", "a"])
      try await server.server.reload(.test(), plugins: [Motto("b"), Other("c"), Fixed("d")])
      #expect(try await Self.ask(peer) == ["b", "c", "a"])
    }
  }

  @Test func `that one of them refuses changes none of them, and no option`() async throws {
    try await Self.run { server in
      let peer = try server.connect()
      let refused = ZinxError.settingsRefused(plugin: "other", reason: "NotToday()")
      await #expect(throws: refused) {
        try await server.server.reload(.test { $0.maxConn = 7 }, plugins: [Motto("b"), Other("")])
      }
      #expect(try await Self.ask(peer) == ["a", "a", "a"])
      #expect(server.server.maxConn != 7)
    }
  }

  @Test func `changes no plugin if a listener cannot be opened`() async throws {
    let taken = try FakeServer()
    try await Self.run { server in
      let peer = try server.connect()
      let new = ServerConfiguration.test { $0.endpoints = [Endpoint(.tcp(host: "127.0.0.1", port: taken.port))] }
      await #expect(throws: ZinxError.cannotListen(address: "127.0.0.1:\(taken.port)", call: "bind", code: EADDRINUSE)) {
        try await server.server.reload(new, plugins: [Motto("b")])
      }
      #expect(try await Self.ask(peer) == ["a", "a", "a"])
    }
  }

  @Test func `can change the heartbeat of connections that are open`() async throws {
    func plugin(_ timeout: Double) throws -> any RoutePlugin {
      let value = ConfigurationValue(.object([ConfigurationMember(key: "Timeout", value: ConfigurationValue(.number(timeout)))]))
      return try #require(PluginRegistry(bundledPlugins).make("heartbeat", value)).plugin
    }
    try await TestServer.run(.test(), plugins: [try plugin(3600)]) { server in
      let peer = try server.connect()
      #expect(try await peer.exchange(RawFrame(99_999, "here")).text == "here")
      try await server.server.reload(.test(), plugins: [try plugin(0.05)])
      #expect(try await peer.receiveAll().isEmpty)
      #expect(try await server.reason() == .heartbeatLost)
    }
  }
}

/// Why a plugin does not take new settings.
private struct NotToday: Error {}

/// Answers with a text, and takes a new one unless it is empty.
private protocol Teller: ReloadablePlugin {
  static var id: UInt32 { get }
  var text: Mutex<String> { get }
  init(_ text: String)
}

extension Teller {
  static var summary: String { "" }

  init(settings: inout PluginSettings) { self.init("") }

  func register(in routes: inout RouteRegistrar) {
    routes.route(Self.id) { request in try request.reply(self.text.withLock { $0 }) }
  }

  func reload(as new: Self) async throws -> @Sendable () -> Void {
    let text = new.text.withLock { $0 }
    guard !text.isEmpty else { throw NotToday() }
    return { self.text.withLock { $0 = text } }
  }
}

private final class Motto: Teller {
  static let name = "motto"
  static let id: UInt32 = 60
  let text: Mutex<String>

  init(_ text: String) { self.text = Mutex(text) }
}

private final class Other: Teller {
  static let name = "other"
  static let id: UInt32 = 61
  let text: Mutex<String>

  init(_ text: String) { self.text = Mutex(text) }
}

/// Takes no new settings.
private struct Fixed: RoutePlugin {
  static let name = "fixed"
  static let summary = ""
  let text: String

  init(_ text: String) { self.text = text }
  init(settings: inout PluginSettings) { text = "" }

  func register(in routes: inout RouteRegistrar) { routes.route(62) { [text] request in try request.reply(text) } }
}
