/// Who may come in: counts the live connections against `MaxConn`. A place is taken before a connection exists and given back after
/// its descriptor is closed, so the limit is never passed, not even for an instant.
struct Admission: Equatable {
  /// `MaxConn`, or fewer when descriptors are short.
  var limit: Int
  private(set) var live = 0

  init(limit: Int) { self.limit = limit }

  /// Takes a place if one is free.
  mutating func enter() -> Bool {
    guard live < limit else { return false }
    live += 1
    return true
  }

  /// Takes places for connections that are there already, whether they are free or not.
  mutating func takeOver(_ count: Int) { live += count }

  /// Gives a place back. Returns whether another connection may enter now.
  mutating func leave() -> Bool {
    live -= 1
    return live < limit
  }
}
