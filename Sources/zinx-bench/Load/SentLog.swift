/// When the outstanding requests of one connection were due, oldest first.
///
/// Requests that left together share an entry, so that a batch of replies costs as much as one.
struct SentLog {
  struct Run: Equatable {
    /// Nanoseconds.
    var time: Int64
    var count: Int
  }

  /// A ring; a power of two long, empty until the first request.
  private var runs: [Run] = []
  private var first = 0
  private var used = 0
  private(set) var outstanding = 0

  mutating func append(_ count: Int, at time: Int64) {
    outstanding += count
    if used > 0 {
      let newest = (first + used - 1) & (runs.count - 1)
      if runs[newest].time == time {
        runs[newest].count += count
        return
      }
    }
    if used == runs.count { grow() }
    runs[(first + used) & (runs.count - 1)] = Run(time: time, count: count)
    used += 1
  }

  /// Takes the oldest requests that are due at one time, at most `limit` of them. Nil when none is outstanding.
  mutating func take(atMost limit: Int) -> Run? {
    guard used > 0, limit > 0 else { return nil }
    let run = runs[first]
    let taken = min(run.count, limit)
    outstanding -= taken
    if taken == run.count {
      first = (first + 1) & (runs.count - 1)
      used -= 1
    } else {
      runs[first].count -= taken
    }
    return Run(time: run.time, count: taken)
  }

  mutating func removeAll() { (first, used, outstanding) = (0, 0, 0) }

  private mutating func grow() {
    let old = (0..<used).map { runs[(first + $0) & (runs.count - 1)] }
    runs = old + [Run](repeating: Run(time: 0, count: 0), count: max(1, old.count))
    first = 0
  }
}
