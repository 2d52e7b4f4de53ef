import ZinxIO

/// When the connections of a drain by hand are told to end, spread over a time so that their clients do not come back as one, and when
/// those that are left are cut: a value, without server or clock.
struct DrainSchedule {
  enum Step: Equatable {
    /// So many more are to end.
    case close(Int)
    /// All that are left, those who came meanwhile included.
    case closeRest
    case wait(Duration)
    /// The deadline has passed: whoever is left is cut.
    case cut
    case end
  }

  /// Between two looks, and two groups that are told to end.
  static let pace = Duration.milliseconds(100)

  private let count: Int
  private let spread: Duration
  private let begin: Instant
  private let deadline: Instant?
  private var told = 0
  private var hasToldRest = false

  /// - Parameters:
  ///   - count: connections at the beginning.
  ///   - deadline: from the beginning; nil: they end when they end.
  init(_ count: Int, spread: Duration, deadline: Duration?, at now: Instant) {
    (self.count, self.spread, begin) = (count, spread, now)
    self.deadline = deadline.map { now.advanced(byNanoseconds: $0.inNanoseconds) }
  }

  /// What is to be done at this time, with so many connections left.
  mutating func next(at now: Instant, left: Int) -> Step {
    if let deadline, now >= deadline { return left > 0 && told < .max ? cut() : .end }
    let part = spread > .zero ? min(1, Duration.nanoseconds(now.nanoseconds - begin.nanoseconds) / spread) : 1
    if part < 1 {
      // The first ones at once, the last ones when the time is over.
      let due = min(count, Int((Double(count) * part).rounded(.down)))
      guard due > told else { return .wait(Self.pace) }
      defer { told = due }
      return .close(due - told)
    }
    guard hasToldRest else {
      hasToldRest = true
      return .closeRest
    }
    guard deadline != nil, left > 0 else { return .end }
    return .wait(Self.pace)
  }

  /// Once.
  private mutating func cut() -> Step {
    told = .max
    return .cut
  }
}
