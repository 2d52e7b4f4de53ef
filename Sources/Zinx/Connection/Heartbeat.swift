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
  /// Whether one that comes is sent back, with its data: not within a second of the last one that was sent, so that an answer is not
  /// answered.
  public var answers = true
  /// Time without a byte from the peer after which the server sends one, without data, and again each time that it passes; zero means
  /// never.
  public var interval = Duration.zero
  /// Time without a byte from the peer after which its connection is closed, with ``CloseReason/heartbeatLost``; zero means never. Peers
  /// answer once a second at most, so one that is not ``shortestGrace`` longer than ``interval`` is taken as that long: live ones would be
  /// closed too.
  /// Where it is over while one of the peer's requests is handled, it begins anew when the handler has ended.
  public var timeout = Duration.zero

  /// How much longer than ``interval`` a ``timeout`` has to be for a live peer to be heard in time: two seconds. A heartbeat that comes
  /// within a second of an answer has none; the next one has, and its answer takes a while.
  public static let shortestGrace = Duration.seconds(2)

  /// Whether a live peer, which answers once a second at most, is always heard in time.
  public var isKeptByAnswers: Bool { timeout == .zero || timeout >= interval + Self.shortestGrace }

  public init() {}
}

extension RouteRegistrar {
  /// Takes the messages of an id as signs of life, and sends some to peers that are silent. A listener has one heartbeat: of two the
  /// times of the last one count.
  ///
  /// Frames of other protocols are left alone: a message of theirs with this id is taken and not answered, nothing is sent, and no time runs.
  /// Every byte of a peer is a sign of life, so one that speaks by itself is sent none. All of it takes the timer that a connection has
  /// for its other time-outs, and nothing for a message.
  public mutating func heartbeat(_ heartbeat: Heartbeat) { self.heartbeat(LiveHeartbeat(heartbeat)) }

  /// The same of one that changes while the server runs.
  public mutating func heartbeat(_ heartbeat: LiveHeartbeat) {
    note(heartbeat)
    route(heartbeat.id) { request in
      // The clock of the last tick would count two within a second as more than one apart.
      guard !request.connection.isForeign, heartbeat.answers else { return }
      let (connection, isEmpty) = (request.connection, request.dataLength == 0)
      if connection.heartbeatAnswers.mayAnswer(at: connection.loop.time, isEmpty: isEmpty) { try request.echo() }
    }
  }
}

/// A ``Heartbeat`` whose times and answers change while the server runs; its id stays. Any thread.
public final class LiveHeartbeat: Sendable {
  let id: UInt32
  private let isAnswered = Atomic<Bool>(false)
  /// Nanoseconds; 0 means never.
  private let interval = Atomic<Int64>(0)
  private let timeout = Atomic<Int64>(0)

  /// How much longer than the interval the time-out is at least.
  private let grace: Int64

  public convenience init(_ heartbeat: Heartbeat) { self.init(heartbeat, grace: Heartbeat.shortestGrace) }

  /// - Parameter grace: ``Heartbeat/shortestGrace`` outside tests.
  package init(_ heartbeat: Heartbeat, grace: Duration) {
    (id, self.grace) = (heartbeat.id, grace.inNanoseconds)
    apply(heartbeat)
  }

  /// Puts the times of another one into force, and whether it answers. Connections notice at their next byte or time-out, or when the
  /// server is told of new settings: see ``Server/reload(_:plugins:)``.
  public func apply(_ heartbeat: Heartbeat) {
    isAnswered.store(heartbeat.answers, ordering: .relaxed)
    let times = HeartbeatTimes(heartbeat, grace: grace)
    interval.store(times.interval, ordering: .relaxed)
    timeout.store(times.timeout, ordering: .relaxed)
  }

  var answers: Bool { isAnswered.load(ordering: .relaxed) }

  @inline(__always)
  var times: HeartbeatTimes {
    HeartbeatTimes(interval: interval.load(ordering: .relaxed), timeout: timeout.load(ordering: .relaxed))
  }
}

/// When heartbeats of one connection are answered: not within a second of the last one that was sent, so that two who answer each other
/// come to an end.
struct HeartbeatAnswers {
  static let pause: Int64 = 1_000_000_000

  private var next = Instant(nanoseconds: .min)
  private var nextToOurs = Instant(nanoseconds: .min)

  /// Whether the one that has come now is answered.
  ///
  /// - Parameter isEmpty: it has no data, as one has that answers ours.
  mutating func mayAnswer(at now: Instant, isEmpty: Bool) -> Bool {
    guard now >= next, !isEmpty || now >= nextToOurs else { return false }
    next = now.advanced(byNanoseconds: Self.pause)
    return true
  }

  /// Notes one that was sent and not asked for: the peer's answer to it would otherwise be answered, and that answer again by some, which
  /// doubles what peers that are silent cost.
  mutating func sent(at now: Instant) { nextToOurs = now.advanced(byNanoseconds: Self.pause) }
}

/// The times of a heartbeat in nanoseconds, 0 for never: what is looked at for every read.
struct HeartbeatTimes {
  /// How late a heartbeat may be sent at most.
  private static let longestDelay: Int64 = 50_000_000

  var interval: Int64 = 0
  var timeout: Int64 = 0

  init() {}

  init(interval: Int64, timeout: Int64) { (self.interval, self.timeout) = (interval, timeout) }

  /// Those that live peers can keep: nothing below zero, and no time-out in which they cannot be heard.
  init(_ heartbeat: Heartbeat, grace: Int64) {
    interval = max(0, heartbeat.interval.inNanoseconds)
    timeout = heartbeat.timeout.inNanoseconds
    timeout = timeout > 0 ? max(timeout, interval > .max - grace ? .max : interval + grace) : 0
  }

  /// When the loop is to wake for a heartbeat that is due at `deadline`: up to 50 milliseconds later, or a sixty-fourth of the interval, at
  /// a moment that it has in common with others. A wake-up costs more than a heartbeat.
  func wakeUp(for deadline: Instant) -> Instant {
    guard deadline < .distantFuture else { return deadline }
    let step = max(1, min(interval / 64, Self.longestDelay))
    let behind = deadline.nanoseconds % step
    return behind > 0 ? deadline.advanced(byNanoseconds: step - behind) : deadline
  }
}

/// Signs of life to the peer. Event loop only.
extension Connection {
  /// The times that hold for this connection: none for one whose frames are not those of a ``DataPack``. The one place to leave out
  /// connections that have a sign of life of their own, too.
  @inline(__always)
  var heartbeatTimes: HeartbeatTimes { isForeign ? HeartbeatTimes() : handler.heartbeat.times }

  /// Says that we are here, on a WebSocket by a ping, unless something waits for the peer: that says it too, or the peer takes nothing.
  func sendHeartbeat() {
    guard queuedMessages.load(ordering: .relaxed) == 0 else { return }
    guard webSocket == nil else {
      try? trySend(frame: WebSocketFrame.encoded(ByteBuffer(), .ping))
      return
    }
    send(heartbeat: ByteBuffer())
    // Otherwise user code has it.
    if !life.runsUserCode { heartbeatAnswers.sent(at: loop.time) }
  }

  /// Answers the heartbeat that is all there is to handle, without a hand-over to the worker, which costs several times as much. Returns
  /// false, having done nothing, if it is not, or has to wait behind other messages.
  func answerHeartbeat() -> Bool {
    guard let worker, !isForeign, let batch = staged, batch.count == 1, handler.hasHeartbeatShortcut,
      let header = FrameDecoder(pack, maxPacketSize: .max).header(in: batch.frames, at: batch.start),
      header.id == handler.heartbeat.id,
      queuedMessages.load(ordering: .relaxed) == 0
    else { return false }
    staged = nil
    // As after user code: what is sent here is to be written too before the end.
    flushMark = nil
    // No user code runs, and what did has ended: this thread may touch it.
    if handler.heartbeat.answers, heartbeatAnswers.mayAnswer(at: loop.time, isEmpty: header.length == 0) {
      send(heartbeat: ByteBuffer(bytes: batch.frames[(batch.start + DataPack.headerLength)...]))
    }
    context.traffic.requestsReceived.countAlone(1)
    worker.release(1)
    return true
  }

  private func send(heartbeat data: ByteBuffer) {
    // It fails only at the end of the connection.
    try? trySend(frame: frame(handler.heartbeat.id, data))
  }
}
