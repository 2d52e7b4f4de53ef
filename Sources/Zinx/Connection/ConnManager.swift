import Synchronization

/// The live connections by id. Every call is O(1) but for the ones that visit all, and safe from any thread; no lock is held while user
/// code runs, so a hook may call any of them.
public final class ConnManager: Sendable {
  private struct State {
    var connections = ConnectionTable()
    /// The same connections by source, and those that hold a place and are about to be added. Nil until `MaxConnPerIP` is first set:
    /// who does not use it does not pay for it.
    var sources: SourceTable?
    /// Connections that are removed and whose end has not been told yet.
    var leaving = 0
    var whenEmpty: [CheckedContinuation<Void, Never>] = []

    /// Those who wait for the last connection to go, once it has gone.
    mutating func takeWaiting() -> [CheckedContinuation<Void, Never>] {
      guard connections.isEmpty, leaving == 0 else { return [] }
      defer { whenEmpty = [] }
      return whenEmpty
    }
  }

  private let state = Mutex(State())
  private let limitsSources = Atomic<Bool>(false)

  init() {}

  /// Adds a connection and returns how many are live now.
  ///
  /// - Parameter isCounted: its source has a place for it already, from ``takePlace(for:)``.
  @discardableResult
  func add(_ connection: Connection, isCounted: Bool) -> Int {
    state.withLock { state in
      state.connections.insert(connection)
      if state.sources != nil, !isCounted, let source = connection.source { state.sources?.add(source) }
      return state.connections.count
    }
  }

  /// Removes a connection and returns how many are left. ``told()`` is due when its end has been told to all who are to know.
  @discardableResult
  func remove(_ connection: Connection) -> Int {
    state.withLock { state in
      // Once: a place must not be given back for another connection of the source.
      let removed = state.connections.remove(connection.id)
      if state.sources != nil, let source = removed?.source { state.sources?.leave(source) }
      state.leaving += 1
      return state.connections.count
    }
  }

  /// Puts `MaxConnPerIP` into force; 0 means no limit. Those that are live count, and none of them is closed.
  func limitPerSource(_ limit: Int) {
    state.withLock { state in
      if state.sources == nil, limit > 0 {
        var sources = SourceTable()
        for source in state.connections.all.compactMap(\.source) { sources.add(source) }
        state.sources = sources
      }
      state.sources?.limit = limit
    }
    limitsSources.store(limit > 0, ordering: .releasing)
  }

  /// Takes a place in `MaxConnPerIP` for a connection that is to be added.
  @inline(__always)
  func takePlace(for peer: SocketAddress) -> SourcePlace {
    guard limitsSources.load(ordering: .acquiring), let source = peer.ip.map(Source.init) else { return .notNeeded }
    return state.withLock { state in
      guard state.sources?.enter(source) == false else { return .taken }
      return .none(limit: state.sources?.limit ?? 0)
    }
  }

  /// Gives a place back that nobody was added for.
  func givePlaceBack(for peer: SocketAddress) {
    guard let source = peer.ip.map(Source.init) else { return }
    state.withLock { $0.sources?.leave(source) }
  }

  /// The end of a removed connection has been told.
  func told() {
    let waiting = state.withLock { state in
      state.leaving -= 1
      return state.takeWaiting()
    }
    for continuation in waiting { continuation.resume() }
  }

  /// How many connections are live.
  public var count: Int { state.withLock { $0.connections.count } }

  /// The live connection with an id.
  ///
  /// Throws: ``ZinxError/connectionNotFound(_:)``.
  public func get(_ id: UInt64) throws(ZinxError) -> Connection {
    guard let connection = state.withLock({ $0.connections[id] }) else { throw .connectionNotFound(id) }
    return connection
  }

  /// Whether a connection is live.
  func has(_ connection: Connection) -> Bool { state.withLock { $0.connections[connection.id] != nil } }

  /// The connections that are live at this moment, in no order.
  public var all: [Connection] { state.withLock { $0.connections.all } }

  /// Visits every connection that is live at the moment of the call.
  public func forEach(_ body: (Connection) throws -> Void) rethrows { try all.forEach(body) }

  /// Ends every connection gently: what was received is handled and answered, then the connection closes with reason `draining`.
  /// Returns at once.
  public func clearConn() { forEach { $0.drain() } }

  /// Returns once no connection is live, and the end of each has been told.
  func waitUntilEmpty() async {
    await withCheckedContinuation { continuation in
      let waiting = state.withLock { state in
        state.whenEmpty.append(continuation)
        return state.takeWaiting()
      }
      for continuation in waiting { continuation.resume() }
    }
  }
}

/// What came of asking for a place in `MaxConnPerIP`.
enum SourcePlace: Equatable {
  /// There is no limit; should one be set meanwhile, the connection is counted when it is added.
  case notNeeded
  case taken
  case none(limit: Int)
}

extension Connection {
  /// As whom `MaxConnPerIP` counts the peer; nil without an address.
  fileprivate var source: Source? { remoteAddress.ip.map(Source.init) }
}
