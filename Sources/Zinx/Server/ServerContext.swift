import Synchronization
import ZinxIO

/// What every connection of a server shares.
final class ServerContext: Sendable {
  let settings: LiveSettings
  let counters: Counters
  let connManager = ConnManager()
  let users = Users()
  let groups = Groups()
  let metrics: MetricRegistry
  let admission: Mutex<Admission>
  let gate: Gate
  let accept: AcceptCall
  let workers: WorkerPool
  let queueMemory = QueueMemory()
  let handler: MsgHandler
  let emit: EventSink
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
    admission = Mutex(Admission(limit: configuration.maxConn))
    gate = Gate(configuration)
    self.accept = accept
    self.isLocal = isLocal
    connManager.limitPerSource(configuration.maxConnPerIP)
    workers = WorkerPool(size: configuration.workerPoolSize, counters)
    self.emit = emit
    handler = try MsgHandler(registrar, counters: counters, emit: emit)
  }

  /// What a listener needs. `former`: the listener that it follows on, whose connections count against the same limit.
  func context(
    for endpoint: Endpoint, _ configuration: ServerConfiguration, after former: EndpointContext? = nil
  ) -> EndpointContext {
    EndpointContext(endpoint, configuration, settings, handler, places: former?.places)
  }

  /// The id of a new connection. Any thread.
  func takeID() -> UInt64 { nextID.wrappingAdd(1, ordering: .relaxed).oldValue }

  /// A connection has begun. Event loop of the listener.
  func added(_ connection: Connection, isCounted: Bool) {
    counters.connectionsAccepted.count()
    emit(.connectionAdded(connection, live: connManager.add(connection, isCounted: isCounted)))
  }

  /// A connection was closed instead of being let in. Event loop of the listener.
  func refused(_ peer: SocketAddress, _ reason: RefusalReason, limit: Int?, listener: String) {
    counters.countRefusal(reason)
    emit(.connectionRefused(peer, reason, limit: limit, listener: listener))
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
    let mayEnter = admission.withLock { $0.leave() }
    emit(.connectionEnded(connection, reason, live: live, fault: fault))
    connManager.told()
    if mayEnter { notifyPlaceWaiters() }
  }
}
