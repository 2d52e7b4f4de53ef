import ZinxIO

/// Lets a burst of events through, then so many a second, and counts what it left out. Holds no clock.
struct RateLimit {
  private var bucket: TokenBucket
  private(set) var leftOut = 0

  /// A burst and a rate of at least one event.
  init(burst: Int64, perSecond: Int64) { bucket = TokenBucket(perSecond: perSecond, burst: burst) }

  /// Whether an event may pass now.
  mutating func pass(at now: Instant) -> Bool {
    guard bucket.take(at: now) else {
      leftOut += 1
      return false
    }
    return true
  }

  /// How many events were left out since the last call.
  mutating func takeLeftOut() -> Int {
    defer { leftOut = 0 }
    return leftOut
  }
}
