import Synchronization

/// Where a user is: a connection, and the node that has it.
public struct UserPlace: Sendable, Hashable {
  /// The node, `Name` of the key `Nats`; nil: this one.
  public let node: String?
  /// The id of the connection there.
  public let connection: UInt64

  public init(node: String?, connection: UInt64) { (self.node, self.connection) = (node, connection) }
}

extension Users {
  /// How long other nodes have to answer, unless told otherwise: much longer than they take.
  public static let patience = Duration.milliseconds(200)

  /// The node that the server is among those that it is connected to (`Nats`); nil where it is connected to none.
  public var node: String? { remote.value?.node }

  /// Where a user is, on this node and, where the server is connected to others (`Nats`), on those.
  ///
  /// Others are asked, so what they say is true at the moment of their answers, and a node that is gone says nothing. Who is nowhere else is
  /// known in the time of one way to NATS and back; otherwise it takes the whole of `time`, as nobody knows how many will answer, or until
  /// there are `limit` places.
  ///
  /// <!-- in: func tell(_ connection: Connection) async throws { … } -->
  /// ```swift
  /// let places = await connection.users.where("u7", limit: 1)
  /// print(places.isEmpty ? "not there" : "on \(places[0].node ?? "this node")")
  /// ```
  ///
  /// - Parameters:
  ///   - limit: of places, after which no more answers are waited for.
  ///   - time: from 1 ms to a minute; what is less or more is taken as these.
  nonisolated(nonsending) public func `where`(_ user: String, limit: Int = .max, within time: Duration = Users.patience) async
    -> [UserPlace]
  {
    let here = self[user].map { UserPlace(node: nil, connection: $0.id) }
    guard here.count < limit, let remote = remote.value else { return here }
    let search = Search(here, limit: limit)
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        search.begin(continuation)
        remote.find(user, min(max(time, .milliseconds(1)), .seconds(60))) { search.take($0) }
      }
    } onCancel: {
      search.take(nil)
    }
  }
}

/// What is known of where a user is, and who waits for it. Any thread.
private final class Search: Sendable {
  private struct State {
    var places: [UserPlace]
    var isOver = false
    var continuation: CheckedContinuation<[UserPlace], Never>?

    /// Whom to tell, if it is the time.
    mutating func end() -> (CheckedContinuation<[UserPlace], Never>, [UserPlace])? {
      guard isOver, let waiting = continuation else { return nil }
      continuation = nil
      return (waiting, places)
    }
  }

  private let limit: Int
  private let state: Mutex<State>

  init(_ places: [UserPlace], limit: Int) {
    self.limit = limit
    state = Mutex(State(places: places))
  }

  func begin(_ continuation: CheckedContinuation<[UserPlace], Never>) {
    tell(
      state.withLock { state in
        state.continuation = continuation
        return state.end()
      })
  }

  /// More places, or nil when there will be no more.
  func take(_ more: [UserPlace]?) {
    tell(
      state.withLock { state in
        if !state.isOver { state.places += more ?? [] }
        state.isOver = state.isOver || more == nil || state.places.count >= limit
        return state.end()
      })
  }

  private func tell(_ end: (CheckedContinuation<[UserPlace], Never>, [UserPlace])?) {
    if let (continuation, places) = end { continuation.resume(returning: places) }
  }
}

extension Connection {
  /// Says whose connection this is, as ``bind(user:_:)`` with ``SecondLogin/refuse``, where the user must not have another connection on any
  /// node either: the others are asked.
  ///
  /// It is bound first and asks then, so of two at one moment on two nodes at most one stays, and maybe none. Best effort: nodes that do not
  /// hear each other, or take longer than ``Users/patience`` to answer, refuse nothing.
  ///
  /// Throws: ``ZinxError/userIsBound(_:)``, and the connection is nobody's then; ``ZinxError/connectionClosed``.
  nonisolated(nonsending) public func bindAlone(user: String) async throws(ZinxError) {
    try bind(user: user, .refuse)
    guard users.node != nil else { return }
    let others = await users.where(user, limit: 2).filter { $0.node != nil }
    guard !others.isEmpty else { return }
    unbind()
    throw .userIsBound(user)
  }
}
