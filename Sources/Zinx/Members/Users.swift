import NIOCore
import Synchronization
import ZinxWire

/// What happens when a user who has a connection binds another one.
public enum SecondLogin: Sendable {
  /// The user has both.
  case allow
  /// It is refused, with ``ZinxError/userIsBound(_:)``.
  case refuse
  /// The user has the new one. The others are sent `notice`, if there is one and room for it, and are ended with reason
  /// ``CloseReason/replaced``: gently, as by ``Connection/stop()``.
  case replace(notice: Message? = nil)
}

/// Who is who: the connections of each user, by the name under which ``Connection/bind(user:_:)`` has put them.
///
/// <!-- in: func tell(_ connection: Connection) async throws { … } -->
/// ```swift
/// try connection.bind(user: "u42", .replace(notice: Message(id: 9, data: ByteBuffer(string: "logged in elsewhere"))))
/// try await connection.users.send(to: "u7", 20, ByteBuffer(string: "hello"))
/// ```
///
/// A connection is its user's until it is bound to another one, is replaced, or its `OnConnStop` has returned. Safe from any thread; no
/// lock is held while user code runs.
public final class Users: Sendable {
  let table = Mutex(MemberTable())
  let remote = Remote()

  init() {}

  /// The connections of a user at this moment; none of one who is not there.
  public subscript(_ user: String) -> [Connection] { table.withLock { $0.members(user) } }

  /// The users who are there, in no order.
  public var all: [String] { table.withLock { $0.names } }

  /// How many users are there.
  public var count: Int { table.withLock { $0.count } }

  /// Sends a message to all connections of a user; otherwise as `broadcast` of a sequence of connections. To one who is not there it is
  /// sent to nobody, as the result says. Where the server is connected to others (`Nats`), the connections that the user has there get it
  /// too, and are not in the result.
  ///
  /// Throws: `CancellationError`, with ``FullQueuePolicy/wait`` only.
  @discardableResult
  nonisolated(nonsending) public func send(
    to user: String, _ id: UInt32, _ data: ByteBuffer, whenFull policy: FullQueuePolicy = .skip
  ) async throws -> Delivery {
    remote.value?.send(user, id, data)
    return try await self[user].broadcast(id, data, whenFull: policy)
  }

  func bind(_ connection: Connection, to user: String, _ second: SecondLogin) throws(ZinxError) {
    let others = try table.withLock { table throws(ZinxError) -> [Connection] in
      let others = table.members(user).filter { $0 !== connection }
      if !others.isEmpty, case .refuse = second { throw .userIsBound(user) }
      guard connection.belongs(to: .user) else { throw .connectionClosed }
      table.leaveAll(connection)
      _ = table.join(connection, user)
      connection[UserName.self] = user
      guard case .replace = second else { return [] }
      // What is sent to the user from here on goes to the new connection alone.
      for other in others { _ = table.leave(other, user) }
      return others
    }
    guard case .replace(let notice) = second else { return }
    for other in others { other.replace(notice: notice) }
    remote.value?.replace(user, notice)
  }

  func unbind(_ connection: Connection) {
    table.withLock { table in
      table.leaveAll(connection)
      connection.belongsNoMore(to: .user)
    }
  }

  func leaveAll(_ connection: Connection) { table.withLock { $0.leaveAll(connection) } }
}

/// Kept to the end of the connection and beyond: the last line about it names its user.
private enum UserName: PropertyKey { typealias Value = String }

extension Connection {
  /// The user of the connection, also when it has ended or was replaced; nil without one. Any thread.
  public var user: String? { hasUser ? self[UserName.self] : nil }
}

extension Connection {
  /// Whether a property is the name of its user.
  static func isUserName(_ key: ObjectIdentifier) -> Bool { key == ObjectIdentifier(UserName.self) }
}
