/// Decides when a status is worth a datagram: at most two a second, the newest within a second of its change, none twice.
///
/// A value without a clock: the caller passes the instants, and calls ``due(at:)`` at the one it was told to wait for.
public struct StatusReporter<Instant: InstantProtocol>: Sendable where Instant.Duration == Duration {
  /// What the caller does next.
  public enum Action: Sendable, Equatable {
    /// Send this text now.
    case send(String)
    /// Call ``StatusReporter/due(at:)`` at this instant, or within half a second after it.
    case wait(until: Instant)
    /// Nothing, until the text changes.
    case nothing
  }

  /// Two sends this far apart: never three within a second, and half a second to spare for a caller that is late.
  public static var gap: Duration { .milliseconds(500) }

  private var wanted: String?
  private var shown: String?
  private var lastSent: Instant?

  /// Nothing shown yet: the first text is sent at once.
  public init() {}

  /// The status is now `text`.
  public mutating func changed(to text: String, at now: Instant) -> Action {
    wanted = text
    return due(at: now)
  }

  /// The instant an earlier action named has come.
  public mutating func due(at now: Instant) -> Action {
    guard let text = wanted, text != shown else { return .nothing }
    if let earliest = lastSent?.advanced(by: Self.gap), now < earliest { return .wait(until: earliest) }
    shown = text
    lastSent = now
    return .send(text)
  }

  /// `text` went out by another way, such as in one datagram with `STOPPING=1`: it counts as shown, and for the rate.
  public mutating func sentElsewhere(_ text: String, at now: Instant) {
    wanted = text
    shown = text
    lastSent = now
  }

  /// The last text did not reach the manager: it is due again, as if it had changed.
  public mutating func notDelivered(at now: Instant) -> Action {
    shown = nil
    return due(at: now)
  }
}
