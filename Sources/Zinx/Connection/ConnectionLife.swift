/// The life of a connection as a value: what happened goes in, what to do next comes out. No socket, clock or lock.
///
///     starting ─► serving ─► finishing ─► flushing ─► stopping ─► lastFlush ─► lingering ─► closed
///     OnConnStart  requests   the rest of  queued      OnConnStop  what that    write side
///                             the requests replies                 has queued   shut
///
/// User code (a hook, a batch of requests) runs one piece at a time. Replies are flushed before `OnConnStop` runs, so that the reason
/// it is given is final; what it sends itself is flushed after it.
struct ConnectionLife: Equatable {
  enum Phase: Int, Comparable {
    case new, starting, serving, finishing, flushing, stopping, lastFlush, lingering, closed
    /// Nothing is begun, whatever phase it was in: another program is about to take the connection over.
    case held

    static func < (left: Phase, right: Phase) -> Bool { left.rawValue < right.rawValue }
  }

  /// Requests that were received and not yet started.
  enum Requests {
    case none, ready
    /// Not to be started yet: the worker is full, or the rate is limited.
    case held
  }

  enum Action: Equatable {
    /// Nothing until the next event.
    case wait
    case runStartHook
    case runRequests
    /// Wait for the queue of replies to empty.
    case flush
    case runStopHook(CloseReason)
    /// Shut down the write side, then read and discard until the peer closes or `LingerTimeout` passes: closing with unread bytes
    /// would send a reset, which can destroy replies that the peer has not read yet.
    case shutdownWrite
    case close(CloseReason)
  }

  private(set) var phase = Phase.new
  private var hasBegun = false
  /// That in which it is held. A phase and no flag, which every read and every step would ask for.
  private var heldPhase: Phase?
  /// Set once the end has begun.
  private(set) var reason: CloseReason?
  /// A hook or a batch of requests is running.
  private(set) var runsUserCode = false
  /// Requests that were received are handled even though the end has begun.
  private(set) var handlesRest = true
  /// The socket takes nothing more.
  private(set) var isBroken = false
  /// The peer has closed its side: closing ours cannot destroy anything.
  private(set) var peerIsDone = false

  /// Whether bytes from the peer are still taken as requests.
  var reads: Bool { reason == nil && phase < .finishing }

  var isHeld: Bool { phase == .held }

  /// Waits for the peer's end, held or not.
  var isLingering: Bool { reached == .lingering }

  /// Where it is, held or not.
  private var reached: Phase { heldPhase ?? phase }

  // MARK: Events

  /// The event loop has come to see the connection: all who are to know of it do. It does not end before.
  mutating func begin() { hasBegun = true }

  /// From here on nothing is read and no user code begins; what runs goes on to its end. Whatever happens meanwhile is kept in mind.
  mutating func hold() {
    guard phase < .closed else { return }
    (heldPhase, phase) = (phase, .held)
  }

  /// The connection stays: it goes on where it was.
  mutating func release() {
    phase = reached
    heldPhase = nil
  }

  /// The end begins. The first reason stays.
  ///
  /// - Parameter handlingRest: whether requests that were received are still handled.
  mutating func end(_ reason: CloseReason, handlingRest: Bool = true) {
    if self.reason == nil { self.reason = reason }
    if !handlingRest { handlesRest = false }
    if phase == .serving { phase = .finishing }
    if heldPhase == .serving { heldPhase = .finishing }
  }

  /// The socket failed under us. What was received is still handled.
  mutating func broke(_ reason: CloseReason = .reset) {
    isBroken = true
    peerIsDone = true
    end(reason)
  }

  /// We give the peer up: nothing more is handled or flushed. Unlike other reasons this one replaces an earlier one, as long as
  /// `OnConnStop` has not been told.
  mutating func cut(_ reason: CloseReason) {
    isBroken = true
    if reached < .stopping { self.reason = reason }
    end(reason, handlingRest: false)
  }

  /// The peer shut its side down; `insideFrame` if a frame was not whole.
  mutating func peerClosed(insideFrame: Bool) {
    peerIsDone = true
    if reason == nil, reached < .finishing { end(insideFrame ? .truncated : .peerClosed) }
  }

  mutating func lingerExpired() { if reached == .lingering { peerIsDone = true } }

  mutating func userCodeEnded() { runsUserCode = false }

  // MARK: Decision

  /// What to do now. Called after every event, again and again until it says ``Action/wait`` or ``Action/flush``.
  mutating func next(_ requests: Requests, isFlushed: Bool) -> Action {
    guard !runsUserCode else { return .wait }
    switch phase {
    case .new:
      guard hasBegun else { return .wait }
      // A connection that ends before OnConnStart has run ends without OnConnStop.
      if let reason { return close(reason) }
      return runUserCode(in: .starting, .runStartHook)
    case .starting, .serving, .finishing:
      phase = reason == nil ? .serving : .finishing
      if requests == .ready, handlesRest { return runUserCode(in: phase, .runRequests) }
      if requests == .held, handlesRest { return .wait }
      guard reason != nil else { return .wait }
      phase = .flushing
      return next(requests, isFlushed: isFlushed)
    case .flushing:
      guard isFlushed || isBroken else { return .flush }
      return runUserCode(in: .stopping, .runStopHook(reason ?? .stopped))
    case .stopping, .lastFlush:
      phase = .lastFlush
      guard isFlushed || isBroken else { return .flush }
      if peerIsDone || isBroken { return close(reason ?? .stopped) }
      phase = .lingering
      return .shutdownWrite
    case .lingering:
      return peerIsDone || isBroken ? close(reason ?? .stopped) : .wait
    case .closed, .held:
      return .wait
    }
  }

  // MARK: Handover

  /// What another program needs to go on. User code that still runs goes no further: what comes after it is next.
  var state: LifeState {
    var state = LifeState()
    state.phase =
      switch reached {
      case .new: .new
      case .starting, .serving, .finishing: .serving
      case .flushing: .flushing
      case .stopping, .lastFlush: .lastFlush
      case .lingering, .closed, .held: .lingering
      }
    state.reason = reason?.description ?? ""
    (state.dropsRest, state.isBroken, state.peerIsDone) = (!handlesRest, isBroken, peerIsDone)
    return state
  }

  /// Goes on where another program was.
  init(_ state: LifeState) {
    phase =
      switch state.phase {
      case .new: .new
      case .serving: .serving
      case .flushing: .flushing
      case .lastFlush: .lastFlush
      case .lingering: .lingering
      }
    hasBegun = phase > .new
    if !state.reason.isEmpty {
      // One that this program does not know has an end all the same.
      reason = CloseReason.allCases.first { $0.description == state.reason } ?? .handover
      if phase == .serving { phase = .finishing }
    }
    (handlesRest, isBroken, peerIsDone) = (!state.dropsRest, state.isBroken, state.peerIsDone)
  }

  init() {}

  // MARK: Steps

  private mutating func runUserCode(in phase: Phase, _ action: Action) -> Action {
    self.phase = phase
    runsUserCode = true
    return action
  }

  private mutating func close(_ reason: CloseReason) -> Action {
    phase = .closed
    return .close(reason)
  }
}
