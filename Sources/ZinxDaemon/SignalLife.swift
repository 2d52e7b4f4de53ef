import Glibc

/// What signals mean, by what the daemon does when they come, as a value: signals and its progress go in, what to do comes out. No
/// handler, clock or lock.
///
///     preparing ─► starting ─► serving ─► draining
///
/// SIGTERM, SIGINT and SIGQUIT end: a start at once, a server with a drain. What else comes during the start waits for its end.
struct SignalLife<Instant: InstantProtocol>: Equatable where Instant.Duration == Duration {
  enum Phase { case preparing, starting, serving, draining }

  enum Action: Equatable {
    /// Read the file again; ``SignalLife/reloaded()`` is due when it is done.
    case reload
    /// Write a summary to the log.
    case report
    /// Have the program on disk take over.
    case upgrade
    /// Call off the start. If it has not ended by ``SignalLife/deadline``, ``SignalLife/timeIsOver(at:)`` is due.
    case callOff
    case drain
    /// End the process now, whatever it does.
    case exit
  }

  static var signals: [Int32] { [SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2] }

  /// Signals that come within this time of the first one that ends are the same one: timeout(1) signals its child and then its group.
  static var sameWithin: Duration { .milliseconds(500) }
  /// What a start that is called off has to undo itself in: plugins may have started.
  static var undoTime: Duration { .seconds(1) }

  private(set) var phase = Phase.preparing
  /// The start is one that takes over connections: a signal that ends waits for it, and ends them in good order.
  var takesOver = false
  /// When the first signal came that ends.
  private var ended: Instant?
  /// What waits for the start, or for the reload that runs, to end.
  private var remembered: [Action] = []
  private var reloads = false

  /// Whether a signal has come that ends.
  var hasEnded: Bool { ended != nil }

  /// When a start that was called off is to be over.
  var deadline: Instant? { phase == .starting && !takesOver ? ended?.advanced(by: Self.undoTime) : nil }

  /// A signal has come.
  mutating func took(_ signal: Int32, at now: Instant) -> Action? {
    switch signal {
    case SIGHUP: wants(.reload)
    case SIGUSR1: wants(.report)
    case SIGUSR2: wants(.upgrade)
    default: ends(at: now)
    }
  }

  /// The daemon has got so far. Returns what has waited for it, in order.
  mutating func began(_ phase: Phase) -> [Action] {
    self.phase = phase
    guard phase == .serving else { return [] }
    // The start was faster than the signal that called it off: there may be connections already.
    if ended != nil { return [drain()] }
    let actions = remembered
    remembered = []
    return actions.compactMap { wants($0) }
  }

  /// The reload that runs is done. Returns another if it was asked for meanwhile, since the file may have been read before that.
  mutating func reloaded() -> Action? {
    reloads = false
    guard phase == .serving, !remembered.isEmpty else { return nil }
    remembered = []
    return wants(.reload)
  }

  mutating func timeIsOver(at now: Instant) -> Action? { deadline.map { now >= $0 } == true ? .exit : nil }

  private mutating func wants(_ action: Action) -> Action? {
    switch phase {
    case .preparing, .starting: return remember(action)
    // A configuration for a server that ends changes nothing.
    case .draining where action == .reload: return nil
    case .serving where action == .reload && reloads: return remember(action)
    case .serving, .draining:
      if action == .reload { reloads = true }
      return action
    }
  }

  private mutating func remember(_ action: Action) -> Action? {
    if !remembered.contains(action) { remembered.append(action) }
    return nil
  }

  private mutating func ends(at now: Instant) -> Action? {
    if let ended { return now >= ended.advanced(by: Self.sameWithin) ? .exit : nil }
    ended = now
    switch phase {
    case .preparing where takesOver, .starting where takesOver: return nil
    case .preparing: return .exit
    case .starting: return .callOff
    case .serving, .draining: return drain()
    }
  }

  private mutating func drain() -> Action {
    phase = .draining
    return .drain
  }
}
