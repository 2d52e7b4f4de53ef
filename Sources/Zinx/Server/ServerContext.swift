import Glibc
import Synchronization
import ZinxIO
import ZinxTLS
import ZinxWire

/// What every connection of a server shares.
final class ServerContext: Sendable {
  let settings: LiveSettings
  let counters: Counters
  let connManager = ConnManager()
  let users = Users()
  let groups = Groups()
  let metrics: MetricRegistry
  /// Properties that are written down when another program takes over.
  let lasting: LastingProperties
  let shared = SharedValues()
  let admission: Mutex<Admission>
  let gate: Gate
  let accept: AcceptCall
  let workers: WorkerPool
  let queueMemory = QueueMemory()
  /// Nobody is accepted for the time being, by the word of an operator.
  let isSuspended = Atomic<Bool>(false)
  /// Nobody is accepted since another program is about to take over.
  let isHandingOver = Atomic<Bool>(false)
  /// Event loops stand still.
  let holdsLoops = Atomic<Bool>(false)
  /// What connections hold was written down: whoever sends to one waits until that was in vain, or for ever.
  let holdsOutboxes = Atomic<Bool>(false)
  let recentlyEnded = Mutex(RecentlyEnded())
  let traces = TraceTable()
  let emit: EventSink
  private let routes: RouteRegistrar
  /// Those of the listeners, by the plugins that these choose; nil: all.
  private let handlers = Mutex<[[String]?: MsgHandler]>([:])
  /// All connections are local sockets, whatever address they have.
  let isLocal: Bool
  /// One counter for all listeners: an id is never used again, however many of them come and go.
  private let nextID = Atomic<UInt64>(0)
  /// Listeners that wait for a place in `MaxConn`.
  let placeWaiters = Mutex<[Listener]>([])

  init(
    _ configuration: ServerConfiguration, _ registrar: RouteRegistrar, accept: @escaping AcceptCall, isLocal: Bool = false,
    emit: @escaping EventSink
  ) throws(ZinxError) {
    settings = LiveSettings(configuration)
    counters = Counters()
    metrics = registrar.registry
    lasting = registrar.lasting
    admission = Mutex(Admission(limit: configuration.maxConn))
    gate = Gate(configuration)
    self.accept = accept
    self.isLocal = isLocal
    connManager.limitPerSource(configuration.maxConnPerIP)
    workers = WorkerPool(size: configuration.workerPoolSize, counters)
    self.emit = emit
    routes = registrar
    try prepare(for: configuration.allEndpoints)
  }

  /// Makes what handles the messages of listeners, before there are contexts for them. Any thread.
  ///
  /// Throws: ``ZinxError/duplicateRoute(ids:first:second:listener:)``, ``ZinxError/pluginNotFound(_:listener:)``; then nothing has changed.
  func prepare(for endpoints: [Endpoint]) throws(ZinxError) {
    for endpoint in endpoints {
      for name in endpoint.plugins ?? [] where !routes.plugins.contains(name) {
        throw .pluginNotFound(name, listener: endpoint.name)
      }
    }
    if let conflict = routes.conflicts(on: endpoints).first {
      throw .duplicateRoute(ids: conflict.ids, first: conflict.first, second: conflict.second, listener: conflict.listener)
    }
    for choice in Set(endpoints.map(\.plugins)) where handlers.withLock({ $0[choice] == nil }) {
      let handler = try MsgHandler(choice.map(routes.only) ?? routes, counters: counters, emit: emit)
      handlers.withLock { $0[choice] = handler }
    }
  }

  /// Lets go of what handles the messages of listeners that are gone; their connections have their own hold on it. Any thread.
  func forgetHandlers(except endpoints: [Endpoint]) {
    let choices = Set(endpoints.map(\.plugins))
    // Nothing of a plugin may end under the lock.
    let old = handlers.withLock { handlers in
      let old = handlers.filter { !choices.contains($0.key) }
      for choice in old.keys { handlers[choice] = nil }
      return old
    }
    withExtendedLifetime(old) {}
  }

  /// How many choices of plugins there is something for.
  var handlerCount: Int { handlers.withLock { $0.count } }

  /// The names of the codecs that plugins which run have brought.
  var codecs: [String] { routes.codecs.map(\.codec.name) }

  /// A configuration with these in place of others of their names.
  func withOwnCodecs(_ configuration: ServerConfiguration) -> ServerConfiguration {
    guard !routes.codecs.isEmpty else { return configuration }
    func own(_ framing: Framing) -> Framing {
      guard case .codec(let other) = framing else { return framing }
      return routes.codecs.first { $0.codec.name == other.name }.map { .codec($0.codec) } ?? framing
    }
    var new = configuration
    new.framing = own(new.framing)
    for index in new.endpoints.indices { new.endpoints[index].framing = new.endpoints[index].framing.map(own) }
    return new
  }

  /// The messages that a plugin has registered.
  func ids(of plugin: String) -> [MessageIDs] { routes.ids(of: plugin) }

  /// What has a route.
  var routeInfos: [RouteInfo] { routes.routes.map { $0.statistics.info($0.ids, $0.owner) } }

  private func handler(for choice: [String]?) -> MsgHandler {
    guard let handler = handlers.withLock({ $0[choice] }) else { preconditionFailure("a listener that was not prepared for") }
    return handler
  }

  /// What a listener needs that was prepared for. `tls`: what its sessions are made of, if it has any. `former`: the listener that it
  /// follows on, whose connections count against the same limit.
  func context(
    for endpoint: Endpoint, _ configuration: ServerConfiguration, tls: TLSContext? = nil, after former: EndpointContext? = nil
  ) -> EndpointContext {
    EndpointContext(endpoint, configuration, settings, handler(for: endpoint.plugins), tls: tls, places: former?.places)
  }

  /// The id of a new connection. Any thread.
  func takeID() -> UInt64 { nextID.wrappingAdd(1, ordering: .relaxed).oldValue }

  /// The id that the next connection has; set before the first one comes, by who goes on from another program.
  var firstFreeID: UInt64 {
    get { nextID.load(ordering: .relaxed) }
    set { nextID.store(newValue, ordering: .relaxed) }
  }

  /// Whoever sends to a connection that was written down has to wait. Blocks the thread; what was in vain ends it.
  @inline(never)
  func waitWhileHeld() { while holdsOutboxes.load(ordering: .acquiring) { usleep(500) } }

  /// A connection has begun. Event loop of the listener.
  func added(_ connection: Connection, isCounted: Bool) {
    counters.connectionsAccepted.count()
    connection.endpoint.places.countAccepted()
    emit(.connectionAdded(connection, live: connManager.add(connection, isCounted: isCounted)))
  }

  /// A connection was closed instead of being let in. Any event loop.
  func refused(_ peer: SocketAddress, _ reason: RefusalReason, limit: Int?, listener: String) {
    counters.countRefusal(reason)
    emit(.connectionRefused(peer, reason, limit: limit, listener: listener))
  }

  /// A socket did not become a connection, through its peer's fault. Its event loop.
  func arrivalFailed(_ peer: SocketAddress, _ failure: ArrivalLife.Failure, looksLike: Lookalike?, listener: String) {
    counters.countArrivalFailure(failure.reason)
    emit(.arrivalFailed(peer, failure.reason, detail: failure.detail, looksLike: looksLike, listener: listener))
  }

  /// A certificate in use is not good at this time, or will not be soon. Any thread.
  func certificateIsOutOfTime(_ fault: TLSFault, _ listener: String) {
    counters.certificateWarnings.count()
    emit(.certificateOutOfTime(fault, listener: listener))
  }

  /// A socket that did not become a connection is closed: its places are free. Its event loop.
  func arrivalLeft(_ peer: SocketAddress, _ endpoint: EndpointContext, isCounted: Bool) {
    if isCounted { connManager.givePlaceBack(for: peer) }
    endpoint.places.leave()
    if admission.withLock({ $0.leave() }) { notifyPlaceWaiters() }
  }

  func waitForPlace(_ listener: Listener) {
    placeWaiters.withLock { waiters in
      if !waiters.contains(where: { $0 === listener }) { waiters.append(listener) }
    }
  }

  func notifyPlaceWaiters() {
    let listeners = placeWaiters.withLock { waiters in
      guard !waiters.isEmpty else { return [Listener]() }
      defer { waiters = [] }
      return waiters
    }
    for listener in listeners { listener.placeFree() }
  }

  /// A connection's descriptor is closed: its place is free. The connection's event loop.
  func ended(_ connection: Connection, _ reason: CloseReason, _ fault: WireFault?) {
    counters.countClose(reason)
    // Out of the table before the place is free: the table never holds more than `MaxConn` either.
    let live = connManager.remove(connection)
    connection.endpoint.places.leave()
    note(connection, reason, fault)
    let mayEnter = admission.withLock { $0.leave() }
    emit(.connectionEnded(connection, reason, live: live, fault: fault))
    connManager.told()
    if mayEnter { notifyPlaceWaiters() }
  }
}
