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
  /// The life, and what is to be ended with it.
  struct State {
    var life = ServerLife()
    /// The work of a start that is under way.
    var start: Task<Void, any Error>?
    /// Those that have started, and what they do beside their requests.
    var plugins: [(plugin: any RoutePlugin, tasks: PluginTasks, context: PluginContext)] = []
    var contexts: [LoopContext] = []
    var doors: [Door] = []
    /// What connections have that are left of listeners which are gone.
    var left: [EndpointContext] = []
    /// The last change of listeners, which the next one waits for.
    var reload: Task<Void, any Error>?

    var listeners: [Listener] { doors.flatMap(\.listeners) }
  }

  /// What a handler has to end in when its connection was cut, which cancels it.
  private static let cancelledGrace = Duration.milliseconds(500)

  let context: ServerContext
  let plugins: [any RoutePlugin]
  let configuration: Mutex<ServerConfiguration>
  let lookUp: HostLookUp
  private let tests: TestSeams?
  let state = Mutex(State())
  /// The connections have ended, or have had their time.
  private let hadTheirTime = Latch()
  /// The time of the drain is over, whether connections needed all of it or not.
  private let timeIsUp = Latch()
  private let isOver = Latch()

  /// Takes the routes of the plugins, then those of `register`.
  ///
  /// - Parameter onEvent: told what happens, from any thread; must not block.
  ///
  /// Throws: ``ZinxError/duplicateRoute(ids:first:second:listener:)``, ``ZinxError/pluginNotFound(_:listener:)``.
  public convenience init(
    _ configuration: ServerConfiguration, plugins: [any RoutePlugin] = [], register: (inout RouteRegistrar) -> Void = { _ in },
    onEvent: @escaping EventSink = { _ in }
  ) throws(ZinxError) {
    var routes = RouteRegistrar(plugins: plugins)
    register(&routes)
    try self.init(configuration, plugins: plugins, routes: routes, onEvent: onEvent)
  }

  /// - Parameters:
  ///   - routes: those of the plugins, and others.
  ///   - accept: what accepts, ``systemAccept`` outside tests.
  ///   - lookUp: what finds the addresses of `host`, ``systemLookUp`` outside tests.
  ///   - tests: what else a test puts in the place of the system.
  package init(
    _ configuration: ServerConfiguration, plugins: [any RoutePlugin], routes: RouteRegistrar,
    accept: @escaping AcceptCall = systemAccept, lookUp: @escaping HostLookUp = systemLookUp, tests: TestSeams? = nil,
    onEvent: @escaping EventSink
  ) throws(ZinxError) {
    self.plugins = plugins
    self.configuration = Mutex(configuration)
    self.lookUp = lookUp
    self.tests = tests
    context = try ServerContext(configuration, routes, accept: accept, isLocal: tests?.isLocal ?? false, emit: onEvent)
  }

  /// The live connections.
  public var connManager: ConnManager { context.connManager }

  /// Who is who.
  public var users: Users { context.users }

  /// The groups.
  public var groups: Groups { context.groups }

  /// What the plugins count, in the order in which they began to.
  public var pluginMetrics: [PluginMetric] { context.metrics.snapshot }

  /// What plugins say of themselves: see ``PluginMetrics/statusLine(_:)``. Any thread.
  public var pluginStatusLines: [(plugin: String, text: String)] { context.metrics.statusLines }

  /// What plugins work by and have not at this moment.
  package var pluginLacks: [PluginLack] { context.metrics.lacks }

  /// Numbers since the start.
  public var counters: CounterSnapshot { context.counters.snapshot }

  /// Bytes of memory that messages take which wait for their peers, as they count against `maxQueueBytes`.
  public var queuedBytes: Int { context.queueMemory.total }

  /// Connections that may be live at once: `maxConn`, or fewer when descriptors are short.
  public var maxConn: Int { context.admission.withLock { $0.limit } }

  /// Peers that have a place in `maxConn` and are no connections yet, as in a handshake.
  public var arriving: Int { max(0, context.admission.withLock { $0.live } - connManager.count) }

  // MARK: Start

  /// Starts plugins, threads and listeners; connections are accepted when it returns.
  ///
  /// A server starts once: a second call throws ``ZinxError/alreadyStarted``, also one after ``drain(timeout:)``. A drain that comes
  /// meanwhile, and the cancellation of the calling task, call the start off: what it waits for is cancelled, what it has done is
  /// undone, and it throws `CancellationError`.
  ///
  /// - Parameter inherited: listening sockets to use instead of opening the first listener's address; the server owns them from here on.
  ///
  /// Throws: ``ZinxError``, `CancellationError`, and whatever a plugin's `start()` throws. The server is stopped then. What the plugins
  /// do by themselves is cancelled, and abandoned if it goes on for half a second (``ServerEvent/pluginTasksAbandoned(plugin:count:)``).
  public func start(listeningOn inherited: [Int32] = []) async throws {
    let first = configuration.withLock { $0.allEndpoints[0].name }
    try await start(listeningOn: inherited.isEmpty ? [] : [EndpointSockets(name: first, sockets: inherited, isPassed: true)])
  }

  /// - Parameters:
  ///   - inherited: sockets of some listeners, by their names; the others are opened.
  ///   - certificates: what was read already.
  ///   - former: what another program has handed over, but for the sockets of listeners.
  package func start(
    listeningOn inherited: [EndpointSockets], certificates: ListenerCertificates = ListenerCertificates(),
    takingOver former: HandoverState? = nil
  ) async throws {
    do { try state.withLock { state throws(ZinxError) in try state.life.start() } } catch {
      for sockets in inherited { sockets.close() }
      throw error
    }
    let work = Task { try await begin(listeningOn: inherited, certificates, former) }
    let isCalledOff = state.withLock { state in
      state.start = work
      return state.life.phase != .starting
    }
    if isCalledOff { work.cancel() }
    do {
      try await withTaskCancellationHandler {
        try await work.value
      } onCancel: {
        work.cancel()
      }
      guard state.withLock({ $0.life.started() }) else { throw CancellationError() }
      state.withLock { $0.start = nil }
    } catch {
      let drains = state.withLock { $0.life.startFailed() }
      if !drains { outOfTime() }
      // A task of its own, like that of a drain: the caller's may be cancelled, and plugins are to stop in peace.
      await Task { await end() }.value
      guard let error = error as? SystemError else { throw error }
      throw ZinxError.systemCallFailed(call: error.call, code: error.code)
    }
  }

  private func begin(listeningOn inherited: [EndpointSockets], _ read: ListenerCertificates, _ former: HandoverState?)
    async throws
  {
    let configuration = configuration.withLock { $0 }
    // Other settings may have been applied since the server was made.
    do { try context.prepare(for: configuration.allEndpoints) } catch {
      for sockets in inherited { sockets.close() }
      throw error
    }
    limitConnections(configuration)
    if let former { makeRoom(for: former) }
    let certificates = try loadCertificates(read, configuration, acceptingTime: true)
    var sockets = inherited
    do {
      // The ports are opened first: that one is taken is the most likely failure, and nothing has happened yet.
      sockets += try await openSockets(configuration, except: inherited.map(\.name))
      for passed in inherited where passed.isPassed {
        for socket in passed.sockets { try ListeningSocket.adopt(socket, KeepAlive(configuration.vanishedTimeout)) }
      }
      // Before the plugins, which may do things at their times.
      try startThreads(configuration, former)
      try await startPlugins()
      while let next = sockets.popLast() {
        let door = try await openDoor(next, configuration, certificates)
        state.withLock { $0.doors.append(door) }
      }
      state.withLock { $0.sortDoors(configuration.allEndpoints) }
      if let former { try await takeOver(former, configuration) }
      // Settings that came meanwhile: those who opened later have not heard of them.
      let latest = self.configuration.withLock { $0 }
      if latest != configuration { apply(latest) }
    } catch {
      for sockets in sockets { sockets.close() }
      throw error
    }
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
    guard let loop = loops.first else { preconditionFailure("plugins start after the loops") }
    for plugin in plugins {
      try Task.checkCancellation()
      let name = type(of: plugin).name
      let tasks = PluginTasks(name, on: tests == nil ? nil : loop, context.emit)
      let plugins = PluginContext(context, plugin: name, tasks, loop)
      do { try await plugin.start(in: plugins) } catch {
        // It is not stopped, as it has not started; what it had begun is. By a task of its own: this one may be cancelled. A drain that
        // has called the start off says how long that may take; otherwise nobody waits for more than was given notice.
        let isCalledOff = state.withLock { $0.life.phase != .starting }
        await Task { await end(tasks, of: name, isInTime: isCalledOff) }.value
        throw error
      }
      state.withLock { $0.plugins.append((plugin, tasks, plugins)) }
    }
    try Task.checkCancellation()
  }

  func limitConnections(_ configuration: ServerConfiguration) {
    let effective = DescriptorLimit.makeRoom(for: configuration)
    context.admission.withLock { $0.limit = effective }
    if effective < configuration.maxConn {
      context.emit(.maxConnLowered(configured: configuration.maxConn, effective: effective))
    }
  }

  private func startThreads(_ configuration: ServerConfiguration, _ former: HandoverState?) throws {
    let sets = former.flatMap { goesOnWithLoops(of: $0) ? $0.loopSets : nil } ?? []
    let loops = try LoopGroup(count: configuration.ioThreads, name: "zinx-io", sets: sets, clock: tests?.clock)
    let contexts = loops.loops.map { LoopContext($0, context.counters.traffic()) }
    state.withLock { $0.contexts = contexts }
    try loops.start()
    try context.workers.start()
  }

  // MARK: End

  /// Ends gently: no new connections; requests that were received are handled and answered; connections close. What is left after
  /// `timeout` is cut, which cancels its handlers. Then plugins and threads end.
  ///
  /// A handler that goes on for half a second after it was cancelled is abandoned, with ``ServerEvent/handlersAbandoned(connections:)``:
  /// plugins are stopped and this returns, while the threads stay until it ends, so that it is resumed and its connection ends in good
  /// order should it ever.
  ///
  /// In any state this has one outcome:
  /// - before ``start(listeningOn:)``: the server is stopped, and cannot be started any more;
  /// - while it starts: the start is called off. Returns when that is done, or after `timeout` if a plugin does not take notice;
  /// - while another call drains: waits with it. The `timeout` that ends first holds for all;
  /// - afterwards: returns at once.
  ///
  /// Each plugin's own tasks (``PluginContext/task(_:)``) are cancelled and waited for, for as long as there is time and half a second
  /// more, and then it is stopped, the last one first. The time of a caller whose task is cancelled is over at once. Waits for plugins to
  /// stop without limit.
  ///
  /// Returns how many connections were cut, the same number to every caller.
  @discardableResult
  public func drain(timeout: Duration) async -> Int {
    let (drain, start) = state.withLock { ($0.life.drain(), $0.start) }
    switch drain {
    case .nothing: break
    case .callOff:
      start?.cancel()
      if await !isOver.wait(atMost: timeout) { outOfTime() }
    case .begin:
      Task { await end() }
      fallthrough
    case .join:
      if await !isOver.wait(atMost: timeout) {
        outOfTime()
        await isOver.wait()
      }
    }
    return state.withLock { $0.life.cut }
  }

  /// Closes every connection now, with reason `drain-timeout`, without handling or flushing anything. In any state; ends nothing else.
  public func cutAll() { connManager.forEach { $0.cut(.drainTimeout) } }

  /// Ends connections, plugins and threads, in this order. Called once.
  private func end() async {
    let areGone = Latch()
    Task {
      await endConnections()
      areGone.open()
      hadTheirTime.open()
    }
    await hadTheirTime.wait()
    let cut = areGone.isOpen ? 0 : connManager.count
    if !areGone.isOpen {
      cutAll()
      // Handlers were cancelled; those that take notice let OnConnStop run and the connection end in good order.
      _ = await areGone.wait(atMost: Self.cancelledGrace)
      let left = connManager.count
      if left > 0 { context.emit(.handlersAbandoned(connections: left)) }
    }
    await stopPlugins()
    if areGone.isOpen {
      stopThreads()
    } else {
      Task {
        await areGone.wait()
        stopThreads()
      }
    }
    state.withLock { $0.life.ended(cut: cut) }
    isOver.open()
  }

  private func endConnections() async {
    // A change of listeners that looks a name up may take longer than there is time.
    if let reload = state.withLock({ $0.reload }) {
      reload.cancel()
      _ = await reload.result
    }
    for listener in takeListeners() { await listener.stop() }
    clearConnections()
    // Those of every loop at once: one whose handler blocks it keeps the others from nothing.
    await withTaskGroup(of: Void.self) { group in
      for context in state.withLock({ $0.contexts }) { group.addTask { await context.closeArrivals() } }
    }
    // What came out of a handshake meanwhile.
    clearConnections()
    await connManager.waitUntilEmpty()
  }

  /// A handler that blocks the loop of a listener may have kept it open for longer than there was time.
  private func clearConnections() { if hadTheirTime.isOpen { cutAll() } else { connManager.clearConn() } }

  private func takeListeners() -> [Listener] {
    state.withLock { state in
      defer { state.doors = [] }
      return state.listeners
    }
  }

  private func stopPlugins() async {
    let plugins = state.withLock { state in
      defer { state.plugins = [] }
      return state.plugins
    }
    // The last one first, all of it: what it builds on is there as long as it is.
    for (plugin, tasks, _) in plugins.reversed() {
      await end(tasks, of: type(of: plugin).name)
      await plugin.stop()
    }
  }

  /// Cancels what a plugin does and waits for it: as long as there is time, and then as long as for a handler that was cancelled.
  ///
  /// - Parameter isInTime: whether anybody has said how much time there is.
  private func end(_ tasks: PluginTasks, of plugin: String, isInTime: Bool = true) async {
    tasks.cancel()
    if isInTime { await tasks.areOver.wait(orFor: timeIsUp) }
    if await !tasks.areOver.wait(atMost: Self.cancelledGrace) {
      context.emit(.pluginTasksAbandoned(plugin: plugin, count: tasks.count))
    }
  }

  private func outOfTime() {
    timeIsUp.open()
    hadTheirTime.open()
  }

  private var loops: [EventLoop] { state.withLock { $0.contexts.map(\.loop) } }

  private func stopThreads() {
    context.workers.stop()
    let loops = loops
    // None answers any more.
    state.withLock { $0.contexts = [] }
    for loop in loops { loop.stop() }
  }

  // MARK: While it runs

  /// Asks every event loop, or those that `isWanted` says, for an answer; `answered` is called on the loop's thread with its index. Returns
  /// the number of loops.
  package func pingLoops(where isWanted: (Int) -> Bool = { _ in true }, _ answered: @escaping @Sendable (Int) -> Void) -> Int {
    let loops = loops
    for (index, loop) in loops.enumerated() where isWanted(index) { loop.execute { answered(index) } }
    return loops.count
  }

  /// How long each worker has been busy with the request it runs now; zero for those between requests.
  package var workerBusyTimes: [Duration] {
    let now = Instant.now
    return context.workers.workers.map { $0.busyTime(at: now) }
  }
}
