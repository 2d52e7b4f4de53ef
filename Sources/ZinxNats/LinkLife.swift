import ZinxIO

/// How it stands with the connection to NATS, and what is to be done about it. No socket, clock or log: whoever has those tells what
/// happens and does what is returned.
///
/// libnats is not asked to connect again by itself: it would say nothing of why it cannot, and see ``LinkEvents`` for what it would do.
struct LinkLife {
  enum State: Equatable {
    case connecting
    case connected
    /// It was connected, and is not.
    case away
    case ended
  }

  enum Action: Equatable {
    case nothing
    case connect
    /// Connect after so much time.
    case retry(Duration)
    case close
  }

  /// What the operator hears.
  enum Word: Equatable {
    case connected
    /// Connected again, after so much time.
    case back(Duration)
    case unreachable(String)
    case lost(String)
    /// Something is wrong with what is asked of NATS, such as a permission that is missing.
    case trouble(String)
  }

  /// That nothing has changed is said once in this time.
  static let silence = Duration.seconds(60)
  private static let firstWait = Duration.milliseconds(100)
  private static let longestWait = Duration.seconds(2)

  private(set) var state = State.connecting
  /// How often it was connected again.
  private(set) var reconnects = 0
  /// Why there is no connection; nil while there is one, or nothing is known yet.
  var reason: String? { state == .connected ? nil : lastReason?.text }
  private var wait = firstWait
  private var awaySince: Instant?
  private var lastReason: (text: String, at: Instant)?

  mutating func start() -> Action { state == .ended ? .nothing : .connect }

  /// An attempt of ours has failed.
  mutating func connectFailed(_ reason: String, at now: Instant) -> (Action, Word?) {
    guard state != .ended else { return (.nothing, nil) }
    return (retry(), says(reason, at: now) ? .unreachable(reason) : nil)
  }

  mutating func connected(at now: Instant) -> Word? {
    guard state != .ended, state != .connected else { return nil }
    let isBack = state == .away
    state = .connected
    wait = Self.firstWait
    lastReason = nil
    defer { awaySince = nil }
    guard isBack else { return .connected }
    reconnects += 1
    return .back(.nanoseconds(now.nanoseconds - (awaySince ?? now).nanoseconds))
  }

  /// The connection was lost; libnats says next that it is closed.
  mutating func lost(_ reason: String, at now: Instant) -> Word? {
    guard state == .connected else { return nil }
    state = .away
    awaySince = now
    lastReason = (reason, now)
    return .lost(reason)
  }

  /// The connection is over.
  mutating func closed(_ reason: String, at now: Instant) -> (Action, Word?) {
    guard state != .ended else { return (.nothing, nil) }
    return (retry(), lost(reason, at: now))
  }

  private mutating func retry() -> Action {
    defer { wait = min(wait * 2, Self.longestWait) }
    return .retry(wait)
  }

  /// libnats complains, and the connection stays.
  mutating func troubled(_ reason: String, at now: Instant) -> Word? {
    state != .ended && says(reason, at: now) ? .trouble(reason) : nil
  }

  mutating func stop() -> Action {
    guard state != .ended else { return .nothing }
    state = .ended
    return .close
  }

  private mutating func says(_ reason: String, at now: Instant) -> Bool {
    if let last = lastReason, last.text == reason, now.nanoseconds - last.at.nanoseconds < Self.silence.inNanoseconds {
      return false
    }
    lastReason = (reason, now)
    return true
  }
}
