import NIOCore

/// What is published: on its own, or as a request.
struct Outgoing: Sendable {
  /// What becomes of it. Called on the thread of the link, for whatever was accepted: once, but of one that hears all for each answer, and
  /// once for the end.
  typealias Done = @Sendable (Outcome) -> Void

  let subject: String
  let headers: HeaderLines
  let data: ByteBuffer
  /// How long an answer is waited for, in nanoseconds; nil: none is asked for.
  var timeout: Int64?
  /// Whether all answers are waited for, until that time is over.
  var hearsAll = false
  let done: Done

  /// What it counts against the bound of what waits.
  var size: Int { data.readableBytes + 256 }
}

/// What became of a message.
enum Outcome: Sendable, Equatable {
  /// It was handed to NATS, and no answer was asked for.
  case published
  /// The data of the answer, and the id that it names for itself.
  case answer(ByteBuffer, id: UInt32?)
  case noResponder
  case timedOut
  case failed(Failure)

  /// Why nothing came of it, by our side or by NATS.
  enum Failure: Sendable, Equatable {
    /// There is no connection to NATS, or it was lost before the answer came.
    case away
    /// As much waits for NATS to be taken as may wait.
    case full
    /// libnats' word for why it refuses, as for a message that is larger than NATS takes.
    case refused(String)
    /// The answer has a `Zinx-Msg-Id` that is no message id.
    case malformed
  }
}

extension Outcome.Failure: CustomStringConvertible {
  var description: String {
    switch self {
    case .away: "no connection to NATS"
    case .full: "too much waits for NATS"
    case .refused(let reason): "NATS: \(reason)"
    case .malformed: "the answer has no message id in Zinx-Msg-Id"
    }
  }
}
