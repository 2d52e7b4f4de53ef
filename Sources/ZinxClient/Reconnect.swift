/// When to try again after a connection was lost: exponential back-off with jitter. Holds no clock; copy it to start anew.
public struct Reconnect: Sendable, Hashable {
  /// How a wait is drawn from its upper limit, so that clients which lost the same server do not come back in step.
  public enum Jitter: Sendable, Hashable {
    /// The upper limit itself.
    case none
    /// Anything from nothing to the limit: spreads a crowd best.
    case full
    /// Anything from half of the limit to the limit: never comes back at once.
    case equal
  }

  /// The upper limit of the first wait.
  public var base: Duration
  /// The upper limit of every wait.
  public var cap: Duration
  /// What the upper limit grows by from one wait to the next, at least 1.
  public var multiplier: Double
  public var jitter: Jitter
  /// A connection held at least this long is taken for a good one: the next wait begins at ``base`` again. A server that accepts and
  /// closes at once so does not meet a client that comes back at once, for ever.
  public var resetAfter: Duration

  /// The upper limit of the next wait in seconds; nil means ``base``.
  private var limit: Double?

  public init(
    base: Duration = .milliseconds(200), cap: Duration = .seconds(30), multiplier: Double = 2, jitter: Jitter = .equal,
    resetAfter: Duration = .seconds(10)
  ) {
    self.base = base
    self.cap = cap
    self.multiplier = multiplier
    self.jitter = jitter
    self.resetAfter = resetAfter
  }

  /// How long to wait before the next attempt, between zero and ``cap``.
  ///
  /// - Parameter held: How long the connection lasted, nil when none came about.
  public mutating func delay(afterHolding held: Duration?, using generator: inout some RandomNumberGenerator) -> Duration {
    if let held, held >= resetAfter { limit = nil }
    let highest = max(0, cap.inSeconds)
    let now = min(max(0, limit ?? base.inSeconds), highest)
    limit = min(now * max(1, multiplier), highest)
    switch jitter {
    case .none: return .seconds(now)
    case .full: return .seconds(.random(in: 0...now, using: &generator))
    case .equal: return .seconds(.random(in: now / 2...now, using: &generator))
    }
  }
}

extension Duration {
  fileprivate var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
