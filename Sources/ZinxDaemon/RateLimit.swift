/// Lets a burst of events through, then so many a second, and counts what it left out. Holds no clock.
struct RateLimit<Instant: InstantProtocol> where Instant.Duration == Duration {
  private let burst: Double
  private let perSecond: Double
  private var tokens: Double
  private var last: Instant?
  private(set) var leftOut = 0

  init(burst: Int, perSecond: Double) {
    self.burst = Double(burst)
    self.perSecond = perSecond
    tokens = Double(burst)
  }

  /// Whether an event may pass now.
  mutating func pass(at now: Instant) -> Bool {
    if let last { tokens = min(burst, tokens + last.duration(to: now).inSeconds * perSecond) }
    last = now
    guard tokens >= 1 else {
      leftOut += 1
      return false
    }
    tokens -= 1
    return true
  }

  /// How many events were left out since the last call.
  mutating func takeLeftOut() -> Int {
    defer { leftOut = 0 }
    return leftOut
  }
}

extension Duration {
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
