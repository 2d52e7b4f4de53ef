import NIOCore
import Synchronization
import ZinxWire

/// The live connections by id. Every call is O(1) but for the ones that visit all, and safe from any thread; no lock is held while user
/// code runs, so a hook may call any of them.
public final class ConnManager: Sendable {
  private struct State {
    var connections: [UInt64: Connection] = [:]
    var whenEmpty: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  init() {}

  /// Adds a connection and returns how many are live now.
  @discardableResult
  func add(_ connection: Connection) -> Int {
    state.withLock { state in
      state.connections[connection.id] = connection
      return state.connections.count
    }
  }

  /// Removes a connection and returns how many are left. Those who wait for the last to go learn it from ``signalIfEmpty()``.
  @discardableResult
  func remove(_ connection: Connection) -> Int {
    state.withLock { state in
      state.connections[connection.id] = nil
      return state.connections.count
    }
  }

  func signalIfEmpty() {
    let waiting = state.withLock { state in
      guard state.connections.isEmpty else { return [CheckedContinuation<Void, Never>]() }
      defer { state.whenEmpty = [] }
      return state.whenEmpty
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

  /// The connections that are live at this moment, in no order.
  public var all: [Connection] { state.withLock { Array($0.connections.values) } }

  /// Visits every connection that is live at the moment of the call.
  public func forEach(_ body: (Connection) throws -> Void) rethrows { try all.forEach(body) }

  /// Ends every connection gently: what was received is handled and answered, then the connection closes with reason `draining`.
  /// Returns at once.
  public func clearConn() { forEach { $0.drain() } }

  /// Lets ``waitUntilEmpty()`` return although connections are live.
  func giveUpWaiting() {
    let waiting = state.withLock { state in
      defer { state.whenEmpty = [] }
      return state.whenEmpty
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Returns once no connection is live.
  func waitUntilEmpty() async {
    await withCheckedContinuation { continuation in
      let isEmpty = state.withLock { state in
        if !state.connections.isEmpty { state.whenEmpty.append(continuation) }
        return state.connections.isEmpty
      }
      if isEmpty { continuation.resume() }
    }
  }

  /// Sends one message to every connection, encoded once. A peer whose queue is full is waited for after all others have their copy;
  /// it keeps the sender waiting at most until it has room or is closed as a slow consumer.
  ///
  /// Throws: `CancellationError`. A connection that closes meanwhile is passed over.
  public func broadcast(_ id: UInt32, _ data: ByteBuffer) async throws {
    let all = all
    guard let pack = all.first?.pack else { return }
    let frame = pack.encoded(Message(id: id, data: data))
    var full: [Connection] = []
    for connection in all {
      do { try connection.trySend(frame: frame, isShared: true) } catch ZinxError.sendBufferFull { full.append(connection) } catch
      {}
    }
    for connection in full {
      do { try await connection.send(frame: frame, isShared: true) } catch is ZinxError {}
    }
  }
}
