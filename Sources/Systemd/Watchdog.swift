/// One question to every event loop and the answers so far. Loops are numbered from 0.
public struct WatchdogRound: Sendable, Equatable {
  private var answered: [Bool]

  /// A round in which nobody has answered. `loops` is the number of event loops, 0 or more.
  public init(loops: Int) { answered = Array(repeating: false, count: max(0, loops)) }

  /// The loops that have not answered, in order.
  public var missing: [Int] { answered.indices.filter { !answered[$0] } }

  /// Whether every loop has answered.
  public var isComplete: Bool { !answered.contains(false) }

  /// Loop `loop` runs. A second answer and a number that is no loop change nothing.
  public mutating func answer(from loop: Int) {
    if answered.indices.contains(loop) { answered[loop] = true }
  }
}

/// Decides when `WATCHDOG=1` may be sent: at half of the manager's time-out, and only when every event loop has answered.
///
/// A loop that is stuck keeps its round open, and there is one round at a time: it is asked once, however long it takes, and the
/// ping goes out as soon as it answers. If it does not, it is named after a quarter of the time-out, which leaves another quarter until
/// the manager's patience ends: the reason is told before the end. A value without a clock.
public struct Watchdog<Instant: InstantProtocol>: Sendable where Instant.Duration == Duration {
  /// What the caller does next.
  public enum Action: Sendable, Equatable {
    /// Send `WATCHDOG=1`.
    case ping
    /// Put a question to each event loop, and call ``Watchdog/answer(from:)`` for each that runs it.
    case ask
    /// Say that these loops have not answered for half an interval or more. Send nothing.
    case late(loops: [Int])
    /// Nothing before this instant.
    case wait(until: Instant)
    /// Nothing: answers are still missing.
    case nothing
  }

  /// Half of the time-out.
  public let interval: Duration
  /// When to call ``tick(at:)`` next.
  public private(set) var nextTick: Instant

  private let loops: Int
  private var round: WatchdogRound?
  /// When the next round is due.
  private var nextRound: Instant

  /// `nil` when the manager does not watch. `timeout` is ``ServiceManager/watchdogTimeout``; the first tick is due at `now`.
  public init?(timeout: Duration?, loops: Int, now: Instant) {
    guard let timeout, timeout > .zero else { return nil }
    interval = timeout / 2
    nextTick = now
    nextRound = now
    self.loops = loops
  }

  /// The time is `now`: begins a round if it is due and the last one is complete.
  public mutating func tick(at now: Instant) -> Action {
    if now < nextTick { return .wait(until: nextTick) }
    if let round {
      nextTick = next(after: nextTick, by: interval / 2, now)
      return .late(loops: round.missing)
    }
    let due = nextTick
    nextRound = next(after: due, by: interval, now)
    nextTick = nextRound
    if loops == 0 { return .ping }
    nextTick = next(after: due, by: interval / 2, now)
    round = WatchdogRound(loops: loops)
    return .ask
  }

  /// After a long pause (a suspended machine) the ticks that were missed are not made up for.
  private func next(after tick: Instant, by time: Duration, _ now: Instant) -> Instant {
    let next = tick.advanced(by: time)
    return next > now ? next : now.advanced(by: time)
  }

  /// Loop `loop` answered. The action is to ping when it was the last one missing, and nothing otherwise.
  public mutating func answer(from loop: Int) -> Action {
    round?.answer(from: loop)
    guard let round, round.isComplete else { return .nothing }
    self.round = nil
    nextTick = max(nextTick, nextRound)
    return .ping
  }
}
