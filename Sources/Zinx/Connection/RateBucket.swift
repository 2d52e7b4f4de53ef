import ZinxIO

/// A token bucket: it fills with `rate` tokens a second and holds those of one second. So taking n tokens takes at least
/// (n − rate) / rate seconds, whatever the pattern: whole numbers, nothing is rounded away. Holds no clock.
struct RateBucket: Equatable {
  /// Tokens a second.
  static let rates: ClosedRange<Int64> = 1...1_000_000_000

  private static let second: Int64 = 1_000_000_000

  let rate: Int64
  /// Billionths of a token. With the highest rate that is 10^18, and the sum of two such fits.
  private var credit: Int64
  private var filledAt: Instant

  /// A full bucket. A rate out of range is taken for the nearest in it.
  init(rate: Int64, at now: Instant) {
    self.rate = min(max(rate, Self.rates.lowerBound), Self.rates.upperBound)
    credit = self.rate * Self.second
    filledAt = now
  }

  /// Whole tokens that are there.
  mutating func tokens(at now: Instant) -> Int {
    guard now > filledAt else { return Int(credit / Self.second) }
    let isFull = filledAt.advanced(byNanoseconds: Self.second) <= now
    let earned = isFull ? rate * Self.second : (now.nanoseconds - filledAt.nanoseconds) * rate
    credit = min(rate * Self.second, credit + earned)
    filledAt = now
    return Int(credit / Self.second)
  }

  /// Takes tokens that are there.
  mutating func take(_ count: Int) { credit -= Int64(count) * Self.second }

  /// When a twentieth of what the bucket holds will be there, at least one token: worth going on for.
  var nextServing: Instant {
    let missing = max(1, rate / 20) * Self.second - credit
    return missing > 0 ? filledAt.advanced(byNanoseconds: (missing - 1) / rate + 1) : filledAt
  }
}
