import ZinxIO
import ZinxWire

/// By when a peer has to send something, and what it is closed for otherwise. A value: no socket, no clock.
///
/// Two times run. The *quiet time* since the last byte: `FirstByteTimeout` limits it until the first one, `IdleTimeout` always. The *time of
/// a frame* that has begun and is not whole: at every moment it is at most `FrameTimeout` + bytes of its body / `MinFrameRate`, so that
/// a peer which sends a byte now and then does not keep its connection for ever. It runs only while the peer is waited for.
///
/// A heartbeat has to do with the quiet time too: the peer is sent one each time that `interval` of it has passed, and is closed after
/// `timeout` of it. Where it is over while the peer waits for us (a request is handled, nothing is read), it begins anew when that ends.
struct ReceiveDeadline: Equatable {
  /// Nanoseconds, 0 for never; the rate in bytes a second, 0 when only the time counts.
  struct Limits {
    var firstByte: Int64 = 0
    var idle: Int64 = 0
    var frame: Int64 = 0
    var frameRate: Int64 = 0
    /// Bytes of a frame's header.
    var header = DataPack.headerLength
    var heartbeat = HeartbeatTimes()
  }

  struct Due: Equatable {
    var deadline: Instant
    var reason: CloseReason
  }

  private enum FrameTime: Equatable {
    case none
    /// When it began, had the peer been waited for all the time since.
    case running(since: Instant)
    case resting(spent: Int64)
  }

  /// What ``quietSince`` is the time of.
  private enum QuietSource: UInt8 {
    case beginning, read, arrival
  }

  private var quietSince: Instant
  private var frame = FrameTime.none
  private var source = QuietSource.beginning
  /// The time was over while the peer was kept waiting: it has all of it again when that ends.
  private var isOwed = false
  /// Bytes of the unfinished frame.
  private var frameBytes: Int32 = 0

  init(at now: Instant) { quietSince = now }

  // MARK: Events

  /// Bytes came.
  @inline(__always)
  mutating func received(at now: Instant) {
    quietSince = now
    source = .read
    isOwed = false
  }

  /// The last bytes came at this moment, perhaps later than the time of the read that brought them. Once for each read: what comes between
  /// two is no part of the stream, as urgent data.
  mutating func lastCame(at moment: Instant) {
    guard source == .read, moment > quietSince else { return }
    // The frame began with that read: all of it came then.
    if frame == .running(since: quietSince) { frame = .running(since: moment) }
    (quietSince, source) = (moment, .arrival)
  }

  /// The quiet time is over while the peer waits for us. It begins anew, and once more at ``waitEnded(at:)``.
  mutating func keptWaiting(at now: Instant) { (quietSince, isOwed) = (now, true) }

  /// The peer waits for us no longer: whoever was kept waiting beyond its time has all of it from now on, however long that took.
  @inline(__always)
  mutating func waitEnded(at now: @autoclosure () -> Instant) {
    guard isOwed else { return }
    (quietSince, isOwed) = (now(), false)
  }

  /// Frames became whole: what stands behind them is another one.
  @inline(__always)
  mutating func frameEnded() { frame = .none }

  /// Whether a frame has begun, as far as was told.
  @inline(__always)
  var isInsideFrame: Bool { frame != .none }

  /// There are `bytes` of a frame that is not whole; `isAwaited`: nothing but the peer is in the way of the rest.
  mutating func hold(_ bytes: Int, isAwaited: Bool, at now: Instant) {
    frameBytes = Int32(clamping: bytes)
    guard bytes > 0 else { return frame = .none }
    switch frame {
    case .none: frame = isAwaited ? .running(since: now) : .resting(spent: 0)
    case .running(let since) where !isAwaited: frame = .resting(spent: now.nanoseconds &- since.nanoseconds)
    case .resting(let spent) where isAwaited: frame = .running(since: now.advanced(byNanoseconds: -spent))
    case .running, .resting: break
    }
  }

  // MARK: Handover

  /// What another program needs to go on.
  func state(at now: Instant) -> ReceivingState {
    var state = ReceivingState()
    state.quietSince = quietSince.nanoseconds
    state.hasReceived = source != .beginning
    switch frame {
    case .none: break
    case .running(let since): state.frameSpent = max(0, now.nanoseconds &- since.nanoseconds)
    case .resting(let spent): state.frameSpent = max(0, spent)
    }
    return state
  }

  /// Goes on where another program was; the time of a frame rests until it is held.
  init(_ state: ReceivingState) {
    quietSince = Instant(nanoseconds: state.quietSince)
    source = state.hasReceived ? .arrival : .beginning
    if state.frameSpent >= 0 { frame = .resting(spent: state.frameSpent) }
  }

  // MARK: Decision

  /// The deadline that comes first; ``Instant/distantFuture`` when there is none.
  func next(_ limits: Limits) -> Due {
    var due = Due(deadline: .distantFuture, reason: .idle)
    if limits.idle > 0 { due.deadline = quietSince.advanced(byNanoseconds: limits.idle) }
    if limits.heartbeat.timeout > 0 {
      let deadline = quietSince.advanced(byNanoseconds: limits.heartbeat.timeout)
      if deadline < due.deadline { due = Due(deadline: deadline, reason: .heartbeatLost) }
    }
    if source == .beginning, limits.firstByte > 0 {
      let deadline = quietSince.advanced(byNanoseconds: limits.firstByte)
      if deadline <= due.deadline { due = Due(deadline: deadline, reason: .noFirstByte) }
    }
    if case .running(let since) = frame, limits.frame > 0 {
      let deadline = since.advanced(byNanoseconds: limits.frame).advanced(byNanoseconds: timeForBody(limits))
      if deadline < due.deadline { due = Due(deadline: deadline, reason: isInsideHeader(limits) ? .headerTimeout : .bodyTimeout) }
    }
    return due
  }

  /// When the peer is to be sent a heartbeat, the last one having been sent at `last`; ``Instant/distantFuture`` for never.
  @inline(__always)
  func nextBeat(_ limits: Limits, after last: Instant) -> Instant {
    guard limits.heartbeat.interval > 0 else { return .distantFuture }
    return (last > quietSince ? last : quietSince).advanced(byNanoseconds: limits.heartbeat.interval)
  }

  private func isInsideHeader(_ limits: Limits) -> Bool { frameBytes < limits.header }

  /// What the bytes that came have earned. At most 2^31 bytes, so the product fits.
  private func timeForBody(_ limits: Limits) -> Int64 {
    guard limits.frameRate > 0, !isInsideHeader(limits) else { return 0 }
    return (Int64(frameBytes) - Int64(limits.header)) * 1_000_000_000 / limits.frameRate
  }
}
