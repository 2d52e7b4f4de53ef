import ZinxIO

/// Says once a day that a day is over. No clock.
struct Daily {
  private static let length: Int64 = 86_400_000_000_000

  private var end: Instant

  init(at now: Instant) { end = now.advanced(byNanoseconds: Self.length) }

  /// Whether a day has passed since this was last so, or since the beginning.
  mutating func isOver(at now: Instant) -> Bool {
    guard now >= end else { return false }
    end = now.advanced(byNanoseconds: Self.length)
    return true
  }
}
