import Synchronization
import ZinxIO
import ZinxTLS

/// What every connection of a server shares.
final class ServerContext: Sendable {
  let settings: LiveSettings
  let counters: Counters
  let connManager = ConnManager()
  let users = Users()
  let groups = Groups()
  let admission: Mutex<Admission>
  let gate: Gate
  let accept: AcceptCall
  let workers: WorkerPool
  let queueMemory = QueueMemory()
  let handler: MsgHandler
  let emit: EventSink
  /// One counter for all listeners: an id is never used again, however many of them come and go.
  private let nextID = Atomic<UInt64>(0)
  /// Listeners that wait for a place in `MaxConn`.
  let placeWaiters = Mutex<[Listener]>([])

  init(
    _ configuration: ServerConfiguration, _ registrar: RouteRegistrar, accept: @escaping AcceptCall, emit: @escaping EventSink
  ) throws(ZinxError) {
    settings = LiveSettings(configuration)
    counters = Counters()
    admission = Mutex(Admission(limit: configuration.maxConn))
    gate = Gate(configuration)
    self.accept = accept
    connManager.limitPerSource(configuration.maxConnPerIP)
    workers = WorkerPool(size: configuration.workerPoolSize, counters)
    self.emit = emit
    handler = try MsgHandler(registrar, counters: counters, emit: emit)
  }

  /// What a listener needs. `tls`: what its sessions are made of, if it has any. `former`: the listener that it follows on, whose
  /// connections count against the same limit.
  func context(
    for endpoint: Endpoint, _ configuration: ServerConfiguration, tls: TLSContext? = nil, after former: EndpointContext? = nil
  ) -> EndpointContext {
    EndpointContext(endpoint, configuration, settings, handler, tls: tls, places: former?.places)
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

  /// A socket did not become a connection, through its peer's fault. Its event loop.
  func arrivalFailed(_ peer: SocketAddress, _ failure: ArrivalLife.Failure, listener: String) {
    counters.countArrivalFailure(failure.reason)
    emit(.arrivalFailed(peer, failure.reason, detail: failure.detail, listener: listener))
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
    let mayEnter = admission.withLock { $0.leave() }
    emit(.connectionEnded(connection, reason, live: live, fault: fault))
    connManager.told()
    if mayEnter { notifyPlaceWaiters() }
  }
}
