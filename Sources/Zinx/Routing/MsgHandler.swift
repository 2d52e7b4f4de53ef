/// The only caller of user code: requests to their routes, connections to their hooks. What user code throws ends here.
final class MsgHandler: Sendable {
  /// What sees messages before their route is looked up.
  private let first: [RouteRegistrar.BeforeRouting]
  /// The routes, as far as a look at the id is all that it takes to find them: none if something comes before that.
  private let direct: RouteTable
  /// All routes.
  private let table: RouteTable
  /// What goes with each route, for the few messages that are timed and those that fail.
  private let notes: [ObjectIdentifier: RouteNotes]
  private let hooks: Hooks
  /// Nil where nobody has to authenticate.
  let authentication: AuthenticationGate?
  /// Who is asked about the request of a WebSocket.
  let handshakeLogins: [HandshakeLogin]
  /// Without one, one that has no times.
  let heartbeat: LiveHeartbeat
  /// Whether the event loop deals with heartbeats: not where middleware, which may block, is to see each message.
  let hasHeartbeatShortcut: Bool
  private let counters: Counters
  private let emit: EventSink

  init(_ registrar: RouteRegistrar, counters: Counters, emit: @escaping EventSink) throws(ZinxError) {
    let gate = registrar.authentication.map { AuthenticationGate($0, heartbeat: registrar.heartbeat?.id, counters) }
    (table, notes) = try registrar.makeTable(gate)
    authentication = gate
    handshakeLogins = registrar.handshakeLogins
    first = registrar.first.map(\.value)
    direct = first.isEmpty ? table : RouteTable()
    hooks = registrar.hooks
    heartbeat = registrar.heartbeat ?? LiveHeartbeat(Heartbeat())
    hasHeartbeatShortcut = registrar.heartbeat != nil && registrar.middleware.isEmpty && registrar.first.isEmpty
    self.counters = counters
    self.emit = emit
  }

  /// The route of a message that follows another one to it, valid as long as the handler; nil if it is not as simple as that.
  @inline(__always)
  func route(_ id: UInt32) -> Unmanaged<Route>? { direct[id] ?? (first.isEmpty ? table.route(id) : nil) }

  /// Handles a request without suspending, as far as that is possible. Returns what is left to be run, nil when it is done.
  @inline(__always)
  func handleImmediately(_ request: inout Request) -> Unmanaged<Route>? {
    guard let route = direct[request.id] else { return handleOther(&request) }
    return run(route, &request)
  }

  /// Handles a request whose id has no route of its own, or before whose route something else comes.
  @inline(never)
  private func handleOther(_ request: inout Request) -> Unmanaged<Route>? {
    do {
      for step in first { guard try step(&request) else { return nil } }
    } catch {
      report(error, of: request)
      return nil
    }
    guard let route = table.route(request.id) else {
      reportUnknown(request)
      return nil
    }
    return run(route, &request)
  }

  @inline(__always)
  private func run(_ route: Unmanaged<Route>, _ request: inout Request) -> Unmanaged<Route>? {
    do { return try route._withUnsafeGuaranteedRef { try $0.runImmediately(&request) } } catch {
      report(error, of: request)
      return nil
    }
  }

  /// What is counted of a route.
  func statistics(of route: Unmanaged<Route>) -> RouteStatistics? {
    notes[route._withUnsafeGuaranteedRef { ObjectIdentifier($0) }]?.statistics
  }

  /// The same of the route that an id has.
  func statistics(of id: UInt32) -> RouteStatistics? { table.route(id).flatMap(statistics) }

  /// The same of a request that was handled: what looks at it before its route may have given it another id, and only that one counts.
  func statistics(arrivedAs arrived: UInt32, _ id: UInt32) -> RouteStatistics? { statistics(of: first.isEmpty ? arrived : id) }

  /// Whether a message of this id is expected, by itself or in a range.
  func hasRoute(_ id: UInt32) -> Bool { table[id] != nil || table.range(id) != nil }

  var hasStartHooks: Bool { !hooks.start.isEmpty }
  var hasStopHooks: Bool { !hooks.stop.isEmpty }

  /// Returns whether every hook returned.
  func runStartHooks(_ connection: Connection) async -> Bool {
    do {
      for hook in hooks.start { try await hook(connection) }
      return true
    } catch {
      if !isOfTheEnd(error, connection) { emit(.startHookFailed(connection, error)) }
      return false
    }
  }

  func runStopHooks(_ connection: Connection, _ reason: CloseReason) async {
    for hook in hooks.stop.reversed() { await hook(connection, reason) }
  }

  @inline(never)
  private func reportUnknown(_ request: Request) {
    // Who has not authenticated does not learn which ids there are.
    if let authentication, !authentication.admits(request) { return }
    guard request.connection.countUnknown() else { return }
    emit(
      .unknownMessage(
        request.connection, id: request.id, length: request.dataLength, looksLike: request.connection.looksLike))
  }

  /// Counts and tells of what was thrown while a request was handled, and has it answered.
  @inline(never)
  func report(_ error: any Error, of request: Request) {
    guard !isOfTheEnd(error, request.connection) else { return }
    switch error {
    case is UndecodableMessage:
      counters.undecodableMessages.count()
      statistics(of: request.id)?.countFailure()
      if request.connection.tells(.undecodable) { emit(.undecodableMessage(request.connection, id: request.id, error)) }
    // That was counted and told when the deadline passed.
    case is DeadlineExceeded: break
    default: reportFailure(error, of: request)
    }
    answer(error, of: request)
    authentication?.failed(request)
  }

  private func answer(_ error: any Error, of request: Request) {
    guard let route = table.route(request.id)?.takeUnretainedValue() else { return }
    do { try notes[ObjectIdentifier(route)]?.onFailure?(request, error) } catch {
      if !isOfTheEnd(error, request.connection) { reportFailure(error, of: request) }
    }
  }

  private func reportFailure(_ error: any Error, of request: Request) {
    counters.handlerErrors.count()
    statistics(of: request.id)?.countFailure()
    emit(.handlerFailed(request.connection, id: request.id, error))
  }

  /// A handler has not returned within its deadline, and is cancelled. Event loop.
  func reportDeadline(_ deadline: Duration, of request: Request) {
    counters.deadlinesExceeded.count()
    statistics(of: request.id)?.countFailure()
    if request.connection.tells(.deadline) { emit(.deadlineExceeded(request.connection, id: request.id, deadline)) }
  }

  /// Whether an error is how user code learns that its connection has ended. It says nothing about that code, and a peer that leaves
  /// early could fill the log with it.
  private func isOfTheEnd(_ error: any Error, _ connection: Connection) -> Bool {
    connection.isClosed && (error is CancellationError || error as? ZinxError == .connectionClosed)
  }
}
