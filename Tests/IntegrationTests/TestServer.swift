import NIOCore
import Synchronization
import Testing
import Zinx
import ZinxTestKit

/// A server on a free port of 127.0.0.1 in this process, and what it tells.
final class TestServer: Sendable {
  let server: Server
  let events: Recorder<ServerEvent>
  private let firstPort = Atomic<UInt16>(0)

  var port: UInt16 { firstPort.load(ordering: .relaxed) }
  var connManager: ConnManager { server.connManager }

  init(
    _ configuration: ServerConfiguration, plugins: [any RoutePlugin] = [], accept: FaultyAccept? = nil,
    host: FakeHost? = nil, register: (inout RouteRegistrar) -> Void = { _ in }
  ) throws {
    let events = Recorder<ServerEvent>()
    self.events = events
    var routes = RouteRegistrar(plugins: plugins)
    register(&routes)
    server = try Server(
      configuration, plugins: plugins, routes: routes, accept: accept?.call ?? systemAccept, lookUp: host?.lookUp ?? systemLookUp,
      onEvent: { events.append($0) })
  }

  /// Starts a server, lets `body` use it, ends it, and checks that every connection that was added has ended exactly once.
  static func run(
    _ configuration: ServerConfiguration = .test(), plugins: [any RoutePlugin] = [], accept: FaultyAccept? = nil,
    host: FakeHost? = nil, listeningOn sockets: [Int32] = [], register: (inout RouteRegistrar) -> Void = { _ in },
    use body: (TestServer) async throws -> Void
  ) async throws {
    let test = try TestServer(configuration, plugins: plugins, accept: accept, host: host, register: register)
    try await test.start(listeningOn: sockets)
    do { try await body(test) } catch {
      await test.end()
      throw error
    }
    await test.end()
    let (added, ended) = (test.added, test.ended)
    #expect(added.map(\.id) == Array(0..<UInt64(added.count)))
    #expect(ended.map(\.0.id).sorted() == added.map(\.id))
    #expect(test.connManager.count == 0)
  }

  func start(listeningOn sockets: [Int32] = []) async throws {
    try await server.start(listeningOn: sockets)
    firstPort.store(server.addresses.first?.port ?? 0, ordering: .relaxed)
  }

  private func end() async {
    server.cutAll()
    await server.drain(timeout: .seconds(5))
  }

  func connect(receiveBuffer: Int32? = nil) throws -> RawPeer { try RawPeer(port: port, receiveBuffer: receiveBuffer) }

  /// Returns when every event loop has done what it was told before the call.
  func loopsAnswer() async throws {
    let answered = Recorder<Int>()
    let loops = server.pingLoops { answered.append($0) }
    try await answered.wait { $0.count == loops }
  }

  /// Connects from an address of this machine: `127.0.0.2`, `::1`.
  func connect(from source: String) throws -> RawPeer {
    try RawPeer(port: port, from: source, to: source.contains(":") ? source : "127.0.0.1")
  }

  /// Whether the server took a peer in: it answers under id 7, or it has closed it.
  func serves(_ peer: RawPeer) async throws -> Bool {
    do { return try await peer.exchange(RawFrame(7, "?")).text == "?" } catch RawPeer.Failure.ended, RawPeer.Failure.reset {
      return false
    }
  }

  /// The same of a peer that comes from an address of this machine, and goes again.
  func servesPeer(from source: String = "127.0.0.1") async throws -> Bool { try await serves(connect(from: source)) }

  /// How many connections were refused, by reason.
  var refusals: [RefusalReason: UInt64] { server.counters.refusals }

  // MARK: Events

  var added: [Connection] {
    events.all.compactMap { if case .connectionAdded(let connection, _) = $0 { connection } else { nil } }
  }

  var ended: [(Connection, CloseReason)] {
    events.all.compactMap {
      if case .connectionEnded(let connection, let reason, _, _) = $0 { (connection, reason) } else { nil }
    }
  }

  /// The live connection with an id, once it has been added.
  func connection(_ id: UInt64 = 0) async throws -> Connection {
    try await events.wait {
      $0.contains { if case .connectionAdded(let connection, _) = $0 { connection.id == id } else { false } }
    }
    return try connManager.get(id)
  }

  /// Why a connection ended, once it has.
  func reason(_ id: UInt64 = 0) async throws -> CloseReason? {
    let isOver: @Sendable (ServerEvent) -> Bool = {
      if case .connectionEnded(let connection, _, _, _) = $0 { connection.id == id } else { false }
    }
    try await events.wait { $0.contains(where: isOver) }
    return ended.first { $0.0.id == id }?.1
  }

  /// Why `count` connections ended, once they have.
  func reasons(_ count: Int) async throws -> [CloseReason] {
    try await events.wait { events in events.filter { if case .connectionEnded = $0 { true } else { false } }.count >= count }
    return ended.map(\.1)
  }
}

/// A host name with addresses that a test gives it.
struct FakeHost {
  var addresses: [String]

  var lookUp: HostLookUp {
    { [addresses] _, port in
      var found: [BindAddress] = []
      for address in addresses { found += try await systemLookUp(address, port) }
      return found
    }
  }
}

extension ServerConfiguration {
  /// Localhost, a free port, two event loops, and a linger that no test waits for.
  static func test(workers: Int = 0, _ change: (inout ServerConfiguration) -> Void = { _ in }) -> ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.host = "127.0.0.1"
    configuration.port = 0
    configuration.ioThreads = 2
    configuration.workerPoolSize = workers
    change(&configuration)
    return configuration
  }
}

/// Without workers and with: most promises hold for both.
let pools = [0, 2]

extension ByteBuffer {
  var text: String { String(buffer: self) }
}

/// Echoes; the text of the data is up to the peer.
let echo: @Sendable (Request) async throws -> Void = { try await $0.connection.sendBuffMsg($0.id, $0.data) }
