import Zinx
import ZinxIO

/// When a trace looks for messages and connections, says that it is there, and ends: a value, without socket or clock.
struct TraceSchedule {
  enum End: String, Sendable {
    /// Its time is over.
    case time
    /// As many messages were seen as were asked for.
    case count
    /// The connections that it was to follow have ended.
    case ended
  }

  enum Step: Equatable {
    /// Look for connections that it does not follow yet, and are to be.
    case follow
    /// Say what there is, also if it is nothing: who waits is told that the trace goes on, and whoever has gone is noticed.
    case speak
    /// Wait so long, and take what has come.
    case wait(Duration)
    case end(End)
  }

  /// Time between two looks at what has come.
  static let pace = Duration.milliseconds(50)
  /// Time between two looks for connections.
  static let followPace = Duration.seconds(1)
  /// Time after which something is said at least.
  static let silence = Duration.seconds(1)

  private let deadline: Instant
  /// Nil where the connections were named.
  private var followAt: Instant?
  private var speakAt: Instant

  init(for time: Duration, followsNew: Bool, at now: Instant) {
    deadline = now.advanced(byNanoseconds: time.inNanoseconds)
    followAt = followsNew ? now.advanced(byNanoseconds: Self.followPace.inNanoseconds) : nil
    speakAt = now.advanced(byNanoseconds: Self.silence.inNanoseconds)
  }

  /// What is to be done at this time, of a trace that has seen all it should, or has nobody left to follow.
  ///
  /// - Parameter isOver: nobody else comes whom it could follow.
  mutating func next(at now: Instant, isFull: Bool, isAlone: Bool, isOver: Bool = false) -> Step {
    if isFull { return .end(.count) }
    if isAlone, followAt == nil || isOver { return .end(.ended) }
    if now >= deadline { return .end(.time) }
    if let due = followAt, now >= due {
      followAt = now.advanced(byNanoseconds: Self.followPace.inNanoseconds)
      return .follow
    }
    if now >= speakAt {
      spoke(at: now)
      return .speak
    }
    return .wait(min(Self.pace, .nanoseconds(deadline.nanoseconds - now.nanoseconds)))
  }

  /// Something was said.
  mutating func spoke(at now: Instant) { speakAt = now.advanced(byNanoseconds: Self.silence.inNanoseconds) }
}
