import NIOCore
import Zinx
import ZinxIO
import ZinxWire

/// A server for the tests of plugins and handlers, with a clock that stands still until the test moves it.
///
/// <!-- in: func check(_ plugin: any RoutePlugin) async throws { … } -->
/// ```swift
/// let server = try await TestServer(plugins: [plugin])
/// let peer = try await server.connect()
/// try await peer.send(10, "5")
/// assert(peer.received == [Message(10, "5")])
/// await server.advance(by: .seconds(30))
/// assert(peer.end == .idle)
/// await server.stop()
/// ```
///
/// It is a ``Server`` like any other, on one event loop. Nothing sleeps, and no test has to wait for a time to pass: what a call makes the
/// server do is done when it returns (``settle()``). Any thread.
public final class TestServer: Sendable {
  /// How peers come to the server.
  public enum Transport: Sendable {
    /// Without a network: no port, no address that is not made up.
    case memory
    /// By TCP, on a free port of 127.0.0.1.
    case sockets
  }

  /// The server itself: its connections, groups, users and counters.
  public let server: Server

  private let engine: Engine
  private let clock: ManualClock
  private let transport: Transport
  private let network: any Network
  private let configuration: ServerConfiguration

  /// What a test has if it does not say otherwise: handlers run on the event loop, one after the other.
  public static var standardConfiguration: ServerConfiguration {
    var configuration = ServerConfiguration()
    configuration.workerPoolSize = 0
    return configuration
  }

  /// Starts a server.
  ///
  /// - Parameters:
  ///   - configuration: where it has listeners, these are there by their names, whatever their addresses. It has one event loop,
  ///     whatever `ioThreads` says.
  ///   - register: routes beside those of the plugins.
  ///
  /// Throws: what ``Server/start(listeningOn:)`` throws; ``TestError/secureListener(_:)`` and
  /// ``TestError/wrappedListener(_:)`` for a listener with TLS, with WebSockets, or behind proxies.
  public init(
    _ transport: Transport = .memory, configuration: ServerConfiguration = standardConfiguration,
    plugins: [any RoutePlugin] = [], register: (inout RouteRegistrar) -> Void = { _ in }
  ) async throws {
    if let secure = configuration.allEndpoints.first(where: { $0.tls != nil }) { throw TestError.secureListener(secure.name) }
    if let wrapped = configuration.allEndpoints.first(where: { $0.transport == .webSocket || $0.proxyProtocol == .require }) {
      throw TestError.wrappedListener(wrapped.name)
    }
    // A round number, so that what is rounded to intervals comes at whole ones.
    let clock = ManualClock(at: Instant(nanoseconds: 1_000_000_000_000))
    let configuration = Self.adapted(configuration, transport)
    let journal = Journal()
    var routes = RouteRegistrar(plugins: plugins)
    register(&routes)
    let memory = MemoryNetwork()
    let isMemory = transport == .memory
    let server = try Server(
      configuration, plugins: plugins, routes: routes, accept: isMemory ? memory.accept : systemAccept,
      tests: TestSeams(clock: clock, isLocal: isMemory), onEvent: { journal.take($0) })
    (self.server, self.clock, self.transport, self.configuration) = (server, clock, transport, configuration)
    if isMemory {
      network = memory
      try await server.start(listeningOn: configuration.allEndpoints.map { try memory.open($0.name) })
    } else {
      let sockets = SocketNetwork()
      network = sockets
      try await server.start()
      sockets.opened(server.listeners, server.addresses)
    }
    guard let loop = server.testLoop else { throw ZinxError.alreadyStarted }
    engine = Engine(server, journal, loop, isMemory: isMemory)
  }

  deinit {
    Task.detached { [engine] in
      engine.server.cutAll()
      _ = await engine.stop(timeout: .seconds(1))
    }
  }

  private static func adapted(_ configuration: ServerConfiguration, _ transport: Transport) -> ServerConfiguration {
    var configuration = configuration
    configuration.ioThreads = 1
    guard transport == .sockets else { return configuration }
    configuration.endpoints = configuration.allEndpoints.map { endpoint in
      var endpoint = endpoint
      endpoint.address = .tcp(host: "127.0.0.1", port: 0)
      return endpoint
    }
    return configuration
  }

  // MARK: Peers

  /// A new peer, once the server has let it in and run its hooks, or has refused it (``TestPeer/refusal``).
  ///
  /// - Parameters:
  ///   - listener: the name of the listener; nil: the first.
  ///   - address: where the peer comes from: without a network any IPv4 or IPv6 address, otherwise one of this machine.
  ///
  /// Throws: ``TestError``.
  public func connect(to listener: String? = nil, from address: String? = nil) async throws -> TestPeer {
    let endpoints = configuration.allEndpoints
    let name = listener ?? endpoints[0].name
    let (socket, address) = try network.connect(to: name, from: address)
    let framing = endpoints.first { $0.name == name }?.framing ?? configuration.framing
    let peer = TestPeer(socket, address, framing, engine)
    await engine.add(peer)
    return peer
  }

  // MARK: Time

  /// Moves the time, and has all that becomes due happen in order, each at its time: time-outs, heartbeats, deadlines, what plugins do
  /// ``PluginContext/every(_:_:)``. Returns once the server has nothing more to do.
  public func advance(by time: Duration) async {
    await settle()
    let end = clock.now.advanced(byNanoseconds: time.inNanoseconds)
    while let next = await engine.nextTimer, next <= end {
      clock.move(to: next)
      await settle()
    }
    clock.move(to: end)
    await settle()
  }

  /// Returns once the server has nothing to do: all that peers have sent is handled, answered, and received by them. What waits for
  /// something beside the server, such as a handler that sleeps or asks another process, is not waited for: ``TestPeer/next()`` waits for
  /// its answer.
  ///
  /// The calls of a server and its peers do it by themselves. It is of use after what a test does to connections directly.
  public func settle() async { await engine.settle() }

  // MARK: End

  /// What the server has told since the start.
  public var events: [ServerEvent] { engine.journal.events }

  /// Drains the server and stops it, its plugins and what they do. Peers that were paused read again. Returns how many connections had
  /// to be cut, and does so once.
  @discardableResult
  public func stop(timeout: Duration = .seconds(5)) async -> Int { await engine.stop(timeout: timeout) }
}
