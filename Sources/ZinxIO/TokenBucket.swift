/// So many tokens a second in the long run, and a burst of them at once. In whole numbers, so that nothing is lost to rounding however
/// small the steps are: n tokens take at least (n − burst) / rate seconds, whatever the pattern. Holds no clock.
package struct TokenBucket: Sendable, Equatable {
  /// Tokens a second, and tokens of a burst.
  package static let range: ClosedRange<Int64> = 1...1_000_000_000

  /// What one token costs. A nanosecond earns `perSecond`, so a second earns that many tokens.
  private static let cost: Int64 = 1_000_000_000

  package let perSecond: Int64
  /// At most 10^18, as is what a bucket earns before it is full: the sum of both fits.
  private let capacity: Int64
  /// Nanoseconds that fill an empty bucket.
  private let timeToFill: Int64
  private var credit: Int64
  private var filledAt = Instant(nanoseconds: 0)

  /// Begins full. What is out of ``range`` is taken for the nearest in it.
  package init(perSecond: Int64, burst: Int64) {
    self.perSecond = min(max(perSecond, Self.range.lowerBound), Self.range.upperBound)
    capacity = min(max(burst, Self.range.lowerBound), Self.range.upperBound) * Self.cost
    timeToFill = Self.roundedUp(capacity, by: self.perSecond)
    credit = capacity
  }

  /// Whole tokens that are there.
  package mutating func tokens(at now: Instant) -> Int {
    fill(at: now)
    return Int(credit / Self.cost)
  }

  /// Takes tokens that are there.
  package mutating func take(_ count: Int) { credit -= Int64(count) * Self.cost }

  /// Takes a token if there is one.
  package mutating func take(at now: Instant) -> Bool {
    fill(at: now)
    guard credit >= Self.cost else { return false }
    credit -= Self.cost
    return true
  }

  /// When there will be so many tokens, as many as the bucket can hold at most; `now` if they are there.
  package mutating func opening(for count: Int64 = 1, at now: Instant) -> Instant {
    fill(at: now)
    let missing = min(count, capacity / Self.cost) * Self.cost - credit
    return missing > 0 ? filledAt.advanced(byNanoseconds: Self.roundedUp(missing, by: perSecond)) : now
  }

  /// A moment before the last one, as another thread may have seen it, earns nothing.
  private mutating func fill(at now: Instant) {
    guard now > filledAt else { return }
    // The first moment may be the end of time, and those before it are not negative.
    let elapsed = now.nanoseconds - filledAt.nanoseconds
    filledAt = now
    credit = elapsed >= timeToFill ? capacity : min(capacity, credit + elapsed * perSecond)
  }

  private static func roundedUp(_ dividend: Int64, by divisor: Int64) -> Int64 { (dividend - 1) / divisor + 1 }
}
