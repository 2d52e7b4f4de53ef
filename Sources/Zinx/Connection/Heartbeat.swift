import NIOCore
import Synchronization
import ZinxIO
import ZinxWire

/// A message that says no more than that its sender is there, and what the server does with it: see ``RouteRegistrar/heartbeat(_:)``.
public struct Heartbeat: Sendable, Hashable {
  /// The message id that Go Zinx uses.
  public static let standardID: UInt32 = 99_999

  /// The message id, of those that come and of those that are sent.
  public var id = standardID
  /// Whether one that comes is sent back, with its data, at most once a second for each connection.
  public var answers = true
  /// Time without a byte from the peer after which the server sends one, without data, and again each time that it passes; zero means
  /// never.
  public var interval = Duration.zero
  /// Time without a byte from the peer after which its connection is closed, with ``CloseReason/heartbeatLost``; zero means never.
  public var timeout = Duration.zero

  public init() {}
}

extension RouteRegistrar {
  /// Takes the messages of an id as signs of life, and sends some to peers that are silent. A server has one heartbeat: of two the times
  /// of the last one count.
  ///
  /// Every byte of a peer is a sign of life, so one that speaks by itself is sent none. All of it takes the timer that a connection has
  /// for its other time-outs, and nothing for a message.
  public mutating func heartbeat(_ heartbeat: Heartbeat) {
    self.heartbeat = heartbeat
    guard heartbeat.answers else { return route(heartbeat.id) { _ in } }
    route(heartbeat.id) { request in
      // The clock of the last tick would count two within a second as more than one apart.
      if request.connection.heartbeatAnswers.mayAnswer(at: .now) { try request.echo() }
    }
  }
}

/// When heartbeats of one connection were answered: at most once a second, so that two who answer each other come to an end.
struct HeartbeatAnswers {
  static let pause: Int64 = 1_000_000_000

  private var next = Instant(nanoseconds: .min)

  /// Whether the one that has come now is answered.
  mutating func mayAnswer(at now: Instant) -> Bool {
    guard now >= next else { return false }
    next = now.advanced(byNanoseconds: Self.pause)
    return true
  }
}

/// The times of a heartbeat in nanoseconds, 0 for never: what is looked at for every read.
struct HeartbeatTimes {
  var interval: Int64 = 0
  var timeout: Int64 = 0

  init(_ heartbeat: Heartbeat?) {
    guard let heartbeat else { return }
    (interval, timeout) = (heartbeat.interval.inNanoseconds, heartbeat.timeout.inNanoseconds)
  }
}

/// Signs of life to the peer. Event loop only.
extension Connection {
  /// The times that hold for this connection. The one place to leave connections out whose frames are not those of a ``DataPack``, or
  /// that have a sign of life of their own.
  @inline(__always)
  var heartbeatTimes: HeartbeatTimes { handler.heartbeatTimes }

  /// Says that we are here, unless something waits for the peer: that says it too, or the peer takes nothing.
  func sendHeartbeat() {
    guard queuedMessages.load(ordering: .relaxed) == 0 else { return }
    // It fails only at the end of the connection.
    try? trySend(frame: pack.encoded(Message(id: handler.heartbeatID, data: ByteBuffer())))
  }
}
