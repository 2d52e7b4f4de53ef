/// Who belongs to which name: the members of groups, the connections of users. A value, without lock or socket.
///
/// What has no members is not kept, and a connection that belongs to nothing is not in it.
struct MemberTable {
  /// The members of one name, in no order: joining, leaving and looking somebody up take the same time however many there are.
  private struct Members {
    private(set) var all: [Connection] = []
    private var places: [UInt64: Int] = [:]

    func contains(_ id: UInt64) -> Bool { places[id] != nil }

    mutating func add(_ connection: Connection) {
      places[connection.id] = all.count
      all.append(connection)
    }

    /// Takes one out and returns whether it was there; the last one takes its place.
    mutating func remove(_ id: UInt64) -> Bool {
      guard let place = places.removeValue(forKey: id) else { return false }
      let last = all.removeLast()
      guard place < all.count else { return true }
      all[place] = last
      places[last.id] = place
      return true
    }
  }

  /// Told whether a name has members, whenever that changes. Called where the table is used, so under a lock of ours: it must be quick.
  typealias Observer = @Sendable (_ name: String, _ hasMembers: Bool) -> Void

  private var observer: Observer?
  private var byName: [String: Members] = [:]
  private var byConnection: [UInt64: [String]] = [:]

  /// Returns false if the connection was a member already.
  mutating func join(_ connection: Connection, _ name: String) -> Bool {
    guard byName[name]?.contains(connection.id) != true else { return false }
    byName[name, default: Members()].add(connection)
    if let observer, byName[name]?.all.count == 1 { observer(name, true) }
    byConnection[connection.id, default: []].append(name)
    return true
  }

  /// Returns false if the connection was no member.
  mutating func leave(_ connection: Connection, _ name: String) -> Bool {
    guard remove(connection, from: name) else { return false }
    byConnection[connection.id]?.removeAll { $0 == name }
    if byConnection[connection.id]?.isEmpty == true { byConnection[connection.id] = nil }
    return true
  }

  /// Takes a connection out of all it belongs to.
  mutating func leaveAll(_ connection: Connection) {
    for name in byConnection.removeValue(forKey: connection.id) ?? [] { _ = remove(connection, from: name) }
  }

  private mutating func remove(_ connection: Connection, from name: String) -> Bool {
    // In place: a copy of the members would be one for each that leaves.
    guard byName[name]?.remove(connection.id) == true else { return false }
    if byName[name]?.all.isEmpty == true {
      byName[name] = nil
      observer?(name, false)
    }
    return true
  }

  /// Has changes told from here on, and what there is already.
  mutating func observe(_ observer: @escaping Observer) {
    self.observer = observer
    for name in byName.keys { observer(name, true) }
  }

  // MARK: Questions

  /// The members of a name; to be had in no time, as they are copied when they next change.
  func members(_ name: String) -> [Connection] { byName[name]?.all ?? [] }

  func contains(_ connection: Connection, _ name: String) -> Bool { byName[name]?.contains(connection.id) ?? false }

  /// What a connection belongs to, in the order in which it joined.
  func names(of connection: Connection) -> [String] { byConnection[connection.id] ?? [] }

  /// All that have members, in no order.
  var names: [String] { Array(byName.keys) }

  /// How many have members.
  var count: Int { byName.count }

  /// How many connections belong to something.
  var connectionCount: Int { byConnection.count }
}
