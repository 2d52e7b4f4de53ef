/// The only caller of user code: requests to their routes, connections to their hooks. What user code throws ends here.
final class MsgHandler: Sendable {
  private let table: RouteTable
  private let hooks: Hooks
  private let counters: Counters
  private let emit: EventSink

  init(_ registrar: RouteRegistrar, counters: Counters, emit: @escaping EventSink) throws(ZinxError) {
    table = try registrar.makeTable()
    hooks = registrar.hooks
    self.counters = counters
    self.emit = emit
  }

  /// The route of an id, valid as long as the handler.
  @inline(__always)
  func route(_ id: UInt32) -> Unmanaged<Route>? { table[id] }

  /// Handles a request without suspending, as far as that is possible. Returns what is left to be run, nil when it is done.
  @inline(__always)
  func handleImmediately(_ request: Request) -> Unmanaged<Route>? {
    guard let route = table[request.id] else {
      reportUnknown(request)
      return nil
    }
    do { return try route._withUnsafeGuaranteedRef { try $0.runImmediately(request) } } catch {
      report(error, of: request)
      return nil
    }
  }

  func hasRoute(_ id: UInt32) -> Bool { table[id] != nil }

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
    guard request.connection.countUnknown() else { return }
    emit(
      .unknownMessage(
        request.connection, id: request.id, length: request.dataLength, looksLike: request.connection.looksLike))
  }

  /// Counts and tells of what user code threw while it handled a request.
  @inline(never)
  func report(_ error: any Error, of request: Request) {
    guard !isOfTheEnd(error, request.connection) else { return }
    counters.handlerErrors.count()
    emit(.handlerFailed(request.connection, id: request.id, error))
  }

  /// Whether an error is how user code learns that its connection has ended. It says nothing about that code, and a peer that leaves
  /// early could fill the log with it.
  private func isOfTheEnd(_ error: any Error, _ connection: Connection) -> Bool {
    connection.isClosed && (error is CancellationError || error as? ZinxError == .connectionClosed)
  }
}
