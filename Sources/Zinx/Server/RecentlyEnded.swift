import ZinxIO

/// The connections that ended last, in a ring: who came since takes the place of the oldest. A value, without clock or lock.
///
/// An ended connection costs its place here and nothing more; the ring grows to its size and stays there.
struct RecentlyEnded {
  static let capacity = 1000

  private var ring: [EndedConnection] = []
  /// Where the oldest is, once the ring is full.
  private var oldest = 0

  /// - Parameter connection: one whose ``EndedConnection/ago`` is the moment of its end.
  mutating func append(_ connection: consuming EndedConnection) {
    guard ring.count == Self.capacity else { return ring.append(connection) }
    ring[oldest] = connection
    oldest = (oldest + 1) % Self.capacity
  }

  /// The one that ended last is the first.
  func all(at now: Instant) -> [EndedConnection] {
    (ring[oldest...] + ring[..<oldest]).reversed().map { connection in
      var connection = connection
      connection.ago = max(.zero, .nanoseconds(now.nanoseconds) - connection.ago)
      return connection
    }
  }
}
