import NIOCore
import Synchronization

/// The groups of a server: connections under a name, such as a room or a channel, to whom messages go together.
///
/// <!-- in: func serve(_ routes: inout RouteRegistrar) { … } -->
/// ```swift
/// routes.route(20) { request in
///   try request.groups["lobby"].join(request.connection)
/// }
/// routes.route(21) { request in
///   try await request.groups["lobby"].broadcast(22, request.data, except: request.connection)
/// }
/// ```
///
/// A group is there as long as it has members; nobody makes or ends one. A connection is a member until it leaves, or until its
/// `OnConnStop` has returned. Safe from any thread; no lock is held while user code runs.
public final class Groups: Sendable {
  let table = Mutex(MemberTable())
  let remote = Remote()

  init() {}

  /// The group with a name, which need not have members. Costs nothing.
  public subscript(_ name: String) -> Group { Group(name: name, groups: self) }

  /// Those that have members, in no order.
  public var all: [Group] { table.withLock { $0.names }.map { self[$0] } }

  /// How many have members.
  public var count: Int { table.withLock { $0.count } }

  func join(_ connection: Connection, _ name: String) throws(ZinxError) -> Bool {
    try table.withLock { table throws(ZinxError) in
      guard connection.belongs(to: .group) else { throw .connectionClosed }
      return table.join(connection, name)
    }
  }

  func leave(_ connection: Connection, _ name: String) -> Bool { table.withLock { $0.leave(connection, name) } }

  func leaveAll(_ connection: Connection) { table.withLock { $0.leaveAll(connection) } }

  func members(_ name: String) -> [Connection] { table.withLock { $0.members(name) } }

  func contains(_ connection: Connection, _ name: String) -> Bool { table.withLock { $0.contains(connection, name) } }

  func groups(of connection: Connection) -> [Group] { table.withLock { $0.names(of: connection) }.map { self[$0] } }
}

/// Connections under a name: see ``Groups``. A name and no more, so it may be kept or made anew each time.
public struct Group: Sendable, Hashable {
  public let name: String
  private let groups: Groups

  init(name: String, groups: Groups) { (self.name, self.groups) = (name, groups) }

  /// Makes a connection a member. Returns false if it was one.
  ///
  /// Throws: ``ZinxError/connectionClosed`` once its `OnConnStop` has returned.
  @discardableResult
  public func join(_ connection: Connection) throws(ZinxError) -> Bool { try groups.join(connection, name) }

  /// Ends the membership. Returns false if there was none.
  @discardableResult
  public func leave(_ connection: Connection) -> Bool { groups.leave(connection, name) }

  /// The members at this moment, in no order.
  public var members: [Connection] { groups.members(name) }

  public var count: Int { members.count }

  public func contains(_ connection: Connection) -> Bool { groups.contains(connection, name) }

  /// Sends one message to every member, encoded once; otherwise as `broadcast` of a sequence of connections. Those who are members when
  /// it is called get it, as long as they can. Where the server is connected to others (`Nats`), the members there get it too, and are not
  /// in the result.
  ///
  /// Throws: `CancellationError`, with ``FullQueuePolicy/wait`` only.
  @discardableResult
  nonisolated(nonsending) public func broadcast(
    _ id: UInt32, _ data: ByteBuffer, except excluded: Connection? = nil, whenFull policy: FullQueuePolicy = .skip
  ) async throws -> Delivery {
    groups.remote.value?.send(name, id, data)
    return try await members.broadcast(id, data, except: excluded, whenFull: policy)
  }

  public static func == (left: Group, right: Group) -> Bool { left.groups === right.groups && left.name == right.name }

  public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
