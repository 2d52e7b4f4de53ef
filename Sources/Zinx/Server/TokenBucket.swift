import ZinxIO

/// So many events a second in the long run, and a burst of them at once. In whole numbers, so that nothing is lost to rounding however
/// small the steps are. Holds no clock.
struct TokenBucket: Sendable, Equatable {
  /// What one event costs. A nanosecond earns `perSecond`, so a second earns that many events.
  private static let cost: Int64 = 1_000_000_000

  let perSecond: Int64
  private let capacity: Int64
  private var credit: Int64
  private var last = Instant(nanoseconds: 0)

  /// Begins full.
  ///
  /// - Parameters:
  ///   - perSecond: events a second, from 1 to 1 000 000.
  ///   - burst: events at once after a pause, from 1 to 1 000 000.
  init(perSecond: Int, burst: Int) {
    self.perSecond = Int64(min(max(perSecond, 1), 1_000_000))
    capacity = Int64(min(max(burst, 1), 1_000_000)) * Self.cost
    credit = capacity
  }

  /// Takes a token if there is one.
  mutating func take(at now: Instant) -> Bool {
    refill(at: now)
    guard credit >= Self.cost else { return false }
    credit -= Self.cost
    return true
  }

  /// When there will be a token; `now` if there is one.
  mutating func next(at now: Instant) -> Instant {
    refill(at: now)
    let time = timeToEarn(Self.cost)
    return time == 0 ? now : last.advanced(byNanoseconds: time)
  }

  /// A moment before the last one, as another thread may have seen it, earns nothing.
  private mutating func refill(at now: Instant) {
    guard now > last else { return }
    let elapsed = now.nanoseconds - last.nanoseconds
    last = now
    // Compared as time: the product could overflow.
    credit = elapsed >= timeToEarn(capacity) ? capacity : credit + elapsed * perSecond
  }

  private func timeToEarn(_ wanted: Int64) -> Int64 { max(0, (wanted - credit + perSecond - 1) / perSecond) }
}
