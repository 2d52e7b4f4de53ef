import Synchronization

/// What a connection belongs to, of that which only some do: who belongs to nothing pays a byte.
enum Membership: UInt8 {
  case group = 1
  case user = 2
  /// `OnConnStop` has returned: it belongs to nothing any more.
  case over = 4
  /// It has a ``ConnectionDeadline``.
  case deadline = 8
}

extension Connection {
  /// The groups of the same server.
  public var groups: Groups { server.groups }

  /// The users of the same server.
  public var users: Users { server.users }

  /// The groups that the connection is a member of, in the order in which it joined them. Any thread.
  public var joinedGroups: [Group] {
    membership.load(ordering: .relaxed) & Membership.group.rawValue != 0 ? server.groups.groups(of: self) : []
  }

  /// Says whose connection this is, from here on: see ``Users``. Any thread.
  ///
  /// - Parameter second: what happens if the user has another connection.
  ///
  /// Throws: ``ZinxError/userIsBound(_:)``, ``ZinxError/connectionClosed`` once its `OnConnStop` has returned.
  public func bind(user: String, _ second: SecondLogin = .allow) throws(ZinxError) {
    try server.users.bind(self, to: user, second)
  }

  /// The connection is nobody's any more, as after a logout. Any thread.
  public func unbind() { server.users.unbind(self) }

  /// Notes that the connection is to be taken out when it ends. Returns false if it has. Under the lock of the table it is put into: who
  /// takes it out waits for that.
  func belongs(to kind: Membership) -> Bool {
    membership.bitwiseOr(kind.rawValue, ordering: .acquiringAndReleasing).oldValue & Membership.over.rawValue == 0
  }

  /// It has been taken out, by user code. Under the same lock.
  func belongsNoMore(to kind: Membership) { membership.bitwiseAnd(~kind.rawValue, ordering: .acquiringAndReleasing) }

  /// `OnConnStop` has returned, or will never run. Event loop.
  func endMembership() {
    let old = membership.bitwiseOr(Membership.over.rawValue, ordering: .acquiringAndReleasing).oldValue
    guard old & Membership.over.rawValue == 0 else { return }
    if old & Membership.group.rawValue != 0 { server.groups.leaveAll(self) }
    if old & Membership.user.rawValue != 0 { server.users.leaveAll(self) }
    if old & Membership.deadline.rawValue != 0 { endDeadline() }
  }
}
