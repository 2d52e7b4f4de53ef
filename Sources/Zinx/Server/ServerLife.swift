/// The life of a server as a value: calls and what came of them go in, what to do comes out. No socket, clock or lock.
///
///     new ─► starting ─► serving ─► draining ─► stopped
///      │         └──────► undoing ──────────────►▲ ▲
///      └───────── a drain before any start ────────┘
///
/// There is one start and one end, whoever asks for them and how often; what asks again joins the one that is under way.
struct ServerLife: Equatable {
  enum Phase { case new, starting, undoing, serving, draining, stopped }

  /// What a drain has to do.
  enum Drain: Equatable {
    /// Nothing: nothing runs, and nothing will.
    case nothing
    /// Cancel the start, which undoes what it has done, and wait for that.
    case callOff
    /// End what runs.
    case begin
    /// Wait with the drain that was asked for before.
    case join
  }

  private(set) var phase = Phase.new
  /// Connections that the end has cut.
  private(set) var cut = 0

  /// Whether listeners may come: nothing has been asked to end.
  var isAccepting: Bool { phase == .serving }

  /// A start is asked for.
  ///
  /// Throws: ``ZinxError/alreadyStarted`` but for the first, also after a drain.
  mutating func start() throws(ZinxError) {
    guard phase == .new else { throw .alreadyStarted }
    phase = .starting
  }

  /// The start has done its work. Returns false if it was called off meanwhile: then ``startFailed()`` is next.
  mutating func started() -> Bool {
    guard phase == .starting else { return false }
    phase = .serving
    return true
  }

  /// The start has failed, or noticed that it was called off, and is to undo what it has done. Returns whether a drain waits for that,
  /// whose time-out holds then for connections that have come already.
  mutating func startFailed() -> Bool {
    defer { phase = .undoing }
    return phase == .undoing
  }

  /// A drain is asked for.
  mutating func drain() -> Drain {
    switch phase {
    case .new:
      phase = .stopped
      return .nothing
    case .starting, .undoing:
      phase = .undoing
      return .callOff
    case .serving:
      phase = .draining
      return .begin
    case .draining: return .join
    case .stopped: return .nothing
    }
  }

  /// Everything has ended.
  mutating func ended(cut: Int) {
    phase = .stopped
    self.cut = cut
  }
}
