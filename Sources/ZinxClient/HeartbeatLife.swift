import ZinxIO

/// When a client sends heartbeats, answers them, and gives a silent server up. A value: no socket, no clock.
struct HeartbeatLife {
  enum Action: Equatable {
    case wait, beat
    /// Nothing has come for the time-out.
    case giveUp
  }

  /// Nanoseconds between two answers: two who answer each other come to an end.
  private static let pause: Int64 = 1_000_000_000

  private let interval: Int64
  private let timeout: Int64
  private let answers: Bool

  private var receivedAt: Instant
  private var sentAt: Instant
  private var beatAt = Instant(nanoseconds: .min)
  private var answersFrom = Instant(nanoseconds: .min)
  /// The next heartbeat that comes answers one of ours.
  private var isAnswerDue = false

  init(_ heartbeat: ClientConfiguration.Heartbeat?, at now: Instant) {
    interval = max(0, heartbeat?.interval.inNanoseconds ?? 0)
    timeout = max(0, heartbeat?.keptTimeout.inNanoseconds ?? 0)
    answers = heartbeat?.answers ?? false
    (receivedAt, sentAt) = (now, now)
  }

  // MARK: Events

  /// Bytes came, or were kept waiting by us.
  mutating func received(at now: Instant) { receivedAt = now }

  /// Bytes left.
  mutating func sent(at now: Instant) { sentAt = now }

  /// A heartbeat came. Returns whether to answer it.
  mutating func heartbeatCame(at now: Instant) -> Bool {
    guard !isAnswerDue else {
      isAnswerDue = false
      return false
    }
    guard answers, now >= answersFrom else { return false }
    answersFrom = now.advanced(byNanoseconds: Self.pause)
    return true
  }

  // MARK: Decision

  /// When to act; ``Instant/distantFuture`` for never.
  var deadline: Instant { nextBeat.orEarlier(end) }

  /// What to do now. A heartbeat counts as sent.
  mutating func act(at now: Instant) -> Action {
    if end <= now { return .giveUp }
    guard nextBeat <= now else { return .wait }
    beatAt = now
    isAnswerDue = true
    return .beat
  }

  /// The server is told that we are here when it has heard nothing for a while, and asked whether it is when we have not.
  private var nextBeat: Instant {
    guard interval > 0 else { return .distantFuture }
    let silent = sentAt.orEarlier(receivedAt)
    return (beatAt > silent ? beatAt : silent).advanced(byNanoseconds: interval)
  }

  private var end: Instant { timeout > 0 ? receivedAt.advanced(byNanoseconds: timeout) : .distantFuture }
}
