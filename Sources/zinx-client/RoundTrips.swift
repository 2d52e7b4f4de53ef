/// Round-trip times and their statistics, in constant memory, as ping(8) shows them.
struct RoundTrips: Equatable {
  private(set) var count = 0
  private(set) var minimum = Double.infinity
  private(set) var maximum = -Double.infinity
  /// Running mean and sum of squared deviations from it (Welford): subtracting two large sums would lose the digits that matter.
  private(set) var mean = 0.0
  private var squares = 0.0

  mutating func add(milliseconds: Double) {
    count += 1
    minimum = min(minimum, milliseconds)
    maximum = max(maximum, milliseconds)
    let before = milliseconds - mean
    mean += before / Double(count)
    squares += before * (milliseconds - mean)
  }

  /// Standard deviation of all the times, which ping(8) calls `mdev`.
  var deviation: Double { count == 0 ? 0 : (squares / Double(count)).squareRoot() }
}
