/// Connections by id: open addressing with linear probing.
///
/// A dictionary hashes so that nobody can choose keys that collide: that and its generality took a thirtieth of a short connection's
/// instructions. Ids are counted by us, and a multiplication spreads them evenly.
struct ConnectionTable {
  /// 2^64 divided by the golden ratio, odd (Knuth, The Art of Computer Programming, 6.4): numbers in a row land far from each other.
  private static let multiplier: UInt64 = 0x9e37_79b9_7f4a_7c15
  /// No connection has this id.
  private static let none = UInt64.max

  /// A power of two of slots, of which a quarter at least is empty. A search looks at the ids alone.
  private var ids = Array(repeating: none, count: 16)
  private var connections: [Connection?] = Array(repeating: nil, count: 16)
  /// The topmost bits of the product number the slots.
  private var shift: UInt64 = 64 - 4
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  /// The connections, in no order.
  var all: [Connection] { connections.compactMap { $0 } }

  subscript(id: UInt64) -> Connection? { connections[index(of: id)] }

  /// Adds a connection whose id is not there yet.
  mutating func insert(_ connection: Connection) {
    if (count + 1) * 4 > ids.count * 3 { grow() }
    place(connection)
    count += 1
  }

  /// Takes a connection out; nil if it is not there.
  mutating func remove(_ id: UInt64) -> Connection? {
    var hole = index(of: id)
    guard let removed = connections[hole].take() else { return nil }
    count -= 1
    // Those behind that did not find their own slot free move up, so that no search ends at the hole.
    var next = following(hole)
    while ids[next] != Self.none {
      // Distances go around: one that is at home behind the hole stays there.
      if (next - home(of: ids[next])) & mask >= (next - hole) & mask {
        ids[hole] = ids[next]
        connections.swapAt(hole, next)
        hole = next
      }
      next = following(next)
    }
    ids[hole] = Self.none
    return removed
  }

  /// How many slots the longest search passes: how well the ids are spread.
  var longestSearch: Int {
    ids.indices.filter { ids[$0] != Self.none }.map { ($0 - home(of: ids[$0])) & mask }.max() ?? 0
  }

  // MARK: Slots

  private var mask: Int { ids.count - 1 }

  private func following(_ index: Int) -> Int { (index + 1) & mask }

  /// Where an id is looked for first.
  private func home(of id: UInt64) -> Int { Int(truncatingIfNeeded: (id &* Self.multiplier) >> shift) }

  /// Where an id is, or the empty slot where it would be.
  private func index(of id: UInt64) -> Int {
    var index = home(of: id)
    while ids[index] != Self.none, ids[index] != id { index = following(index) }
    return index
  }

  private mutating func place(_ connection: Connection) {
    let index = index(of: connection.id)
    assert(connections[index] == nil)
    ids[index] = connection.id
    connections[index] = connection
  }

  private mutating func grow() {
    let old = all
    ids = Array(repeating: Self.none, count: 2 * ids.count)
    connections = Array(repeating: nil, count: ids.count)
    shift -= 1
    for connection in old { place(connection) }
  }
}
