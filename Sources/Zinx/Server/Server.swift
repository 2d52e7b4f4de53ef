import Synchronization
import ZinxIO
import ZinxWire

/// A Zinx server: holds connections, cuts their bytes into messages, and routes every message by its id.
///
/// The way of a message, and where each step is: **accept** `Listener` → **admit** `Admission` → **decode** `FrameDecoder` in
/// `Connection+Reading` → **route** `MsgHandler`, `RouteTable` → **handle** a ``Router``, on the event loop or a `Worker` → **encode**
/// `DataPack` in `Connection+Sending` → **flush** `Cork`, `Outbox`.
///
/// ```swift
/// let server = try Server(ServerConfiguration()) { routes in
///   routes.route(0) { request in try await request.connection.sendBuffMsg(request.id, request.data) }
/// }
/// try await server.start()
/// ```
///
/// Every call is safe from any thread.
public final class Server: Sendable {
  private struct Running: Sendable {
    var loops: LoopGroup
    var contexts: [LoopContext]
    var listeners: [Listener] = []
  }

  private let context: ServerContext
  private let plugins: [any RoutePlugin]
  private let configuration: Mutex<ServerConfiguration>
  private let lookUp: HostLookUp
  private let running = Mutex<Running?>(nil)
  private let wasStarted = Atomic<Bool>(false)
  /// To be stopped, in reverse.
  private let startedPlugins = Mutex<[any RoutePlugin]>([])

  /// Takes the routes of the plugins, then those of `register`.
  ///
  /// - Parameter onEvent: told what happens, from any thread; must not block.
  ///
  /// Throws: ``ZinxError/duplicateRoute(id:first:second:)``.
  public convenience init(
    _ configuration: ServerConfiguration, plugins: [any RoutePlugin] = [], onEvent: @escaping EventSink = { _ in },
    register: (inout RouteRegistrar) -> Void = { _ in }
  ) throws(ZinxError) {
    try self.init(
      configuration, plugins: plugins, accept: systemAccept, lookUp: systemLookUp, onEvent: onEvent, register: register)
  }

  /// - Parameters:
  ///   - accept: what accepts, ``systemAccept`` outside tests.
  ///   - lookUp: what finds the addresses of `host`, ``systemLookUp`` outside tests.
  package init(
    _ configuration: ServerConfiguration, plugins: [any RoutePlugin], accept: @escaping AcceptCall, lookUp: @escaping HostLookUp,
    onEvent: @escaping EventSink, register: (inout RouteRegistrar) -> Void
  ) throws(ZinxError) {
    var registrar = RouteRegistrar()
    for plugin in plugins {
      registrar.owner = type(of: plugin).name
      plugin.register(in: &registrar)
    }
    registrar.owner = "server"
    register(&registrar)
    self.plugins = plugins
    self.configuration = Mutex(configuration)
    self.lookUp = lookUp
    context = try ServerContext(configuration, registrar, accept: accept, emit: onEvent)
  }

  /// The live connections.
  public var connManager: ConnManager { context.connManager }

  /// Numbers since the start.
  public var counters: CounterSnapshot { context.counters.snapshot }

  /// Bytes of memory that messages take which wait for their peers, as they count against `maxQueueBytes`.
  public var queuedBytes: Int { context.queueMemory.total }

  /// Connections that may be live at once: `maxConn`, or fewer when descriptors are short.
  public var maxConn: Int { context.admission.withLock { $0.limit } }

  /// The addresses listened on, with the port that the kernel chose for port 0; empty before ``start(listeningOn:)`` and while it
  /// drains.
  public var addresses: [SocketAddress] { running.withLock { $0?.listeners.map(\.address) ?? [] } }

  // MARK: Life

  /// Starts plugins, threads and listeners; connections are accepted when it returns.
  ///
  /// - Parameter inherited: listening sockets to use instead of opening `host` and `port`; the server owns them from here on.
  ///
  /// Throws: ``ZinxError``, and whatever a plugin's `start()` throws. The server is stopped then.
  public func start(listeningOn inherited: [Int32] = []) async throws {
    guard !wasStarted.exchange(true, ordering: .relaxed) else { throw ZinxError.alreadyStarted }
    let configuration = configuration.withLock { $0 }
    limitConnections(configuration)
    // The port is opened first: that it is taken is the most likely failure, and nothing has happened yet.
    var sockets = inherited.isEmpty ? try await openSockets() : inherited
    do {
      for socket in inherited { try ListeningSocket.adopt(socket, KeepAlive(configuration.vanishedTimeout)) }
      try await startPlugins()
      let contexts = try startThreads(configuration)
      while !sockets.isEmpty {
        let listener = try Listener(Descriptor(owning: sockets.removeFirst()), context, contexts)
        try await listener.start()
        running.withLock { $0?.listeners.append(listener) }
      }
    } catch {
      for socket in sockets { _ = Descriptor(owning: socket) }
      await drain(timeout: .zero)
      guard let error = error as? SystemError else { throw error }
      throw ZinxError.systemCallFailed(call: error.call, code: error.code)
    }
  }

  /// Opens `host` and `port`, for ``start(listeningOn:)``: a part of the start that may be tried again when an address or a name is not
  /// there yet. The caller owns the sockets.
  ///
  /// Throws: ``ZinxError/hostUnresolved(host:reason:)``, ``ZinxError/hostNotFound(host:reason:)``,
  /// ``ZinxError/cannotListen(address:call:code:)``, `CancellationError`.
  package func openSockets() async throws -> [Int32] {
    let configuration = configuration.withLock { $0 }
    let host = configuration.host
    let opened = try ListeningSocket.open(
      host, await lookUp(host, configuration.port), KeepAlive(configuration.vanishedTimeout))
    for address in opened.absent { context.emit(.addressAbsent(address, host: host)) }
    return opened.sockets
  }

  /// Finds out whether there are descriptors for any server at all: with fewer not even a configuration can be read.
  ///
  /// Throws: ``ZinxError/limitTooLow(name:limit:needed:)``.
  package static func checkDescriptors() throws(ZinxError) {
    var least = ServerConfiguration()
    (least.ioThreads, least.reservedDescriptors) = (1, 0)
    try DescriptorLimit.check(least)
  }

  /// Finds out whether the process may have the descriptors, the memory and the threads that a server with this configuration takes, one
  /// connection included. To be called before the Swift runtime has threads of its own, as long as a program does not `await`: it ends
  /// the process, or waits without end, when it cannot have them. Blocks for the moment that it takes to make the threads.
  ///
  /// Throws: ``ZinxError/limitTooLow(name:limit:needed:)``, ``ZinxError/systemCallFailed(call:code:)``.
  package static func checkLimits(_ configuration: ServerConfiguration) throws(ZinxError) {
    let threads = LoopGroup.size(configuration.ioThreads) + configuration.workerPoolSize + ThreadLimit.reserve
    try DescriptorLimit.check(configuration)
    try MemoryLimit.check(threads: threads)
    do { try ThreadLimit.check(threads) } catch { throw .systemCallFailed(call: error.call, code: error.code) }
  }

  private func startPlugins() async throws {
    for plugin in plugins {
      try await plugin.start()
      startedPlugins.withLock { $0.append(plugin) }
    }
  }

  private func limitConnections(_ configuration: ServerConfiguration) {
    let effective = DescriptorLimit.makeRoom(for: configuration)
    context.admission.withLock { $0.limit = effective }
    if effective < configuration.maxConn {
      context.emit(.maxConnLowered(configured: configuration.maxConn, effective: effective))
    }
  }

  private func startThreads(_ configuration: ServerConfiguration) throws -> [LoopContext] {
    let loops = try LoopGroup(count: configuration.ioThreads, name: "zinx-io")
    let contexts = loops.loops.map { LoopContext($0, context.counters.traffic()) }
    running.withLock { $0 = Running(loops: loops, contexts: contexts) }
    try loops.start()
    try context.workers.start()
    return contexts
  }

  /// Ends gently: no new connections; requests that were received are handled and answered; connections close. What is left after
  /// `timeout` is cut. Then plugins and threads end.
  ///
  /// Returns how many connections were cut.
  @discardableResult
  public func drain(timeout: Duration) async -> Int {
    for listener in takeListeners() { await listener.stop() }
    connManager.clearConn()
    let isEmpty = await isEmpty(within: timeout)
    let left = isEmpty ? 0 : connManager.count
    if left > 0 {
      connManager.forEach { $0.cut(.drainTimeout) }
      // Handlers were cancelled; those that take notice let OnConnStop run and the connection end in good order.
      _ = await self.isEmpty(within: .milliseconds(500))
    }
    await stop()
    return left
  }

  /// Closes every connection now, with reason `drain-timeout`, without handling or flushing anything.
  public func cutAll() { connManager.forEach { $0.cut(.drainTimeout) } }

  private func isEmpty(within timeout: Duration) async -> Bool {
    await withTaskGroup { group in
      group.addTask {
        await self.connManager.waitUntilEmpty()
        return true
      }
      group.addTask {
        try? await Task.sleep(for: timeout)
        return false
      }
      let isEmpty = await group.next() ?? false
      group.cancelAll()
      if !isEmpty { self.connManager.giveUpWaiting() }
      return isEmpty
    }
  }

  /// A listener is stopped once: after that the loops may end, and nobody would answer.
  private func takeListeners() -> [Listener] {
    running.withLock { running in
      defer { running?.listeners = [] }
      return running?.listeners ?? []
    }
  }

  private func stop() async {
    let plugins = startedPlugins.withLock { plugins in
      defer { plugins = [] }
      return plugins
    }
    for plugin in plugins.reversed() { await plugin.stop() }
    context.workers.stop()
    guard let loops = running.withLock({ $0?.loops }) else { return }
    for loop in loops.loops { loop.stop() }
  }

  // MARK: While it runs

  /// Puts those settings into force that can change while the server runs: `maxConn`, `maxPacketSize`, `maxWorkerTaskLen`,
  /// `maxMsgChanLen`, `maxConnQueueBytes`, `maxQueueBytes`, `overloadPolicy`, `maxConnPerIP`, `acceptRate`, `reservedDescriptors`,
  /// `allow`, `deny`, the rates, and the time-outs. No connection is closed, also one that would not be let in now, but for those that a
  /// lower `maxQueueBytes` sheds; with a lower `maxConn` or `maxConnPerIP` nobody is admitted until the number of connections has
  /// fallen below it. `vanishedTimeout` is that of connections accepted from here on.
  public func apply(_ new: ServerConfiguration) {
    configuration.withLock { $0 = new }
    context.settings.apply(new)
    context.gate.apply(new)
    connManager.limitPerSource(new.maxConnPerIP)
    limitConnections(new)
    for listener in running.withLock({ $0?.listeners ?? [] }) {
      listener.setKeepAlive(KeepAlive(new.vanishedTimeout))
      listener.placeFree()
    }
    connManager.forEach { connection in connection.context.loop.execute { connection.settingsChanged() } }
    context.shedIfNeeded()
  }

  /// Asks every event loop for an answer; `answered` is called on the loop's thread with its index. Returns the number of loops.
  package func pingLoops(_ answered: @escaping @Sendable (Int) -> Void) -> Int {
    let loops = running.withLock { $0?.loops.loops ?? [] }
    for (index, loop) in loops.enumerated() { loop.execute { answered(index) } }
    return loops.count
  }

  /// How long each worker has been busy with the request it runs now; zero for those between requests.
  package var workerBusyTimes: [Duration] {
    let now = Instant.now
    return context.workers.workers.map { $0.busyTime(at: now) }
  }
}
