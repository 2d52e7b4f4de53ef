/// How often a time was how long, in classes that are an eighth of their power of two wide: a quantile is at most an eighth too large.
/// A value, without clock or lock; as large as the longest time needs, some 2.5 KB for minutes.
struct LatencyHistogram: Sendable {
  /// Classes of one power of two.
  private static let parts = 8
  private static let partBits = 3

  private var counts: [UInt64] = []
  private(set) var count: UInt64 = 0
  /// Nanoseconds of all together; stops at the largest number.
  private(set) var sum: UInt64 = 0
  /// Nanoseconds.
  private(set) var longest: UInt64 = 0

  /// Records that a time was so long.
  ///
  /// - Parameters:
  ///   - nanoseconds: below zero counts as zero: two clocks of one machine may differ by that.
  ///   - times: how many waited so long.
  mutating func record(_ nanoseconds: Int64, times: Int = 1) {
    guard times > 0 else { return }
    let (value, number) = (UInt64(max(0, nanoseconds)), UInt64(times))
    let index = Self.index(of: value)
    if index >= counts.count { counts += Array(repeating: 0, count: index + 1 - counts.count) }
    counts[index] &+= number
    count &+= number
    let (total, overflows) = value.multipliedReportingOverflow(by: number)
    let (new, isTooLarge) = sum.addingReportingOverflow(total)
    sum = overflows || isTooLarge ? .max : new
    longest = max(longest, value)
  }

  /// The time that this part of all did not exceed, in nanoseconds: the upper end of its class, and never more than the longest; nil of
  /// none.
  func quantile(_ part: Double) -> UInt64? {
    guard count > 0 else { return nil }
    let rank = max(1, (part * Double(count)).rounded(.up))
    var seen: UInt64 = 0
    for (index, number) in counts.enumerated() where number > 0 {
      seen &+= number
      if Double(seen) >= rank { return min(longest, Self.last(of: index)) }
    }
    return longest
  }

  /// The class of a time.
  static func index(of nanoseconds: UInt64) -> Int {
    guard nanoseconds >= UInt64(parts) else { return Int(nanoseconds) }
    let power = 63 - nanoseconds.leadingZeroBitCount
    let part = Int(nanoseconds >> (power - partBits)) - parts
    return (power - partBits + 1) * parts + part
  }

  /// The longest time of a class.
  static func last(of index: Int) -> UInt64 {
    guard index >= parts else { return UInt64(index) }
    let (power, part) = (index / parts - 1, index % parts)
    return (UInt64(parts + part + 1) << power) &- 1
  }

  var latency: Latency? {
    guard let median = quantile(0.5), let p99 = quantile(0.99) else { return nil }
    func time(_ nanoseconds: UInt64) -> Duration { .nanoseconds(Int64(clamping: nanoseconds)) }
    return Latency(count: count, sum: time(sum), median: time(median), p99: time(p99), longest: time(longest))
  }
}

/// How long something took, of those that were timed, since the start.
public struct Latency: Sendable, Hashable {
  /// How many were timed, at least one.
  public var count: UInt64
  /// Their times together.
  public var sum: Duration
  /// The time that half of them did not exceed, as the 99 of 100 of ``p99``: at most an eighth too large.
  public var median: Duration
  public var p99: Duration
  public var longest: Duration

  public init(count: UInt64, sum: Duration, median: Duration, p99: Duration, longest: Duration) {
    (self.count, self.sum, self.median, self.p99, self.longest) = (count, sum, median, p99, longest)
  }
}
