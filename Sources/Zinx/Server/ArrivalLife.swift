/// What an accepted socket goes through before it is a connection, as a value: what happened goes in, what to do next comes out. No socket,
/// clock or session.
///
///     arriving ─► over: a connection goes on with the socket
///        └─► parting ─► over: the socket is closed
///
/// A peer that is refused is told why, if there are words for it, and given a moment to read them: to close a socket with unread bytes
/// resets it, and would take the words along.
struct ArrivalLife: Equatable {
  /// What is to be done one after the other, in this order.
  enum Step: Equatable {
    /// The header of a proxy.
    case proxyHeader
    /// The handshake of TLS.
    case tls
    /// The request to become a WebSocket.
    case webSocket
    /// The first byte on a connection that may be the proxy's own: one that goes without has looked whether somebody is there, and one
    /// that stays is a connection all the same.
    case firstByte
    /// Plugins are asked whose connection it is, by the request to become a WebSocket. Bytes wait.
    case login

    /// What it means that the step fails.
    var failure: CloseReason {
      switch self {
      case .proxyHeader, .firstByte: .proxyHeader
      case .tls: .tlsFailed
      case .webSocket: .webSocketProtocol
      case .login: .unauthenticated
      }
    }

    /// Whether a peer that fails is told why.
    var hasWords: Bool { self != .proxyHeader && self != .firstByte }
  }

  /// Why nothing became of an arrival.
  struct Failure: Equatable {
    let reason: CloseReason
    /// In words, for the log.
    let detail: String
  }

  enum Action: Equatable {
    /// Nothing until the next event.
    case wait
    /// The socket is a connection from here on.
    case handOver
    /// Shut down the write side, then read and drop until the peer closes or a moment has passed.
    case part
    case close
  }

  private enum Phase { case arriving, parting, over }

  private var steps: [Step]
  private var phase = Phase.arriving
  /// Nothing is said any more, or can be.
  private var isMute = false
  /// Set once it has failed; not by a drain, which is nobody's fault.
  private(set) var failure: Failure?
  private var isEnding = false

  /// - Parameter steps: at least one.
  init(_ steps: [Step]) { self.steps = steps }

  /// What is going on.
  var step: Step? { phase == .arriving ? steps.first : nil }

  /// Whether bytes from the peer are taken. What comes behind the last step is the connection's.
  var reads: Bool { phase == .parting || step != nil && step != .login }

  // MARK: Events

  mutating func stepDone() { if phase == .arriving, !isEnding { steps.removeFirst() } }

  /// Nothing else comes before the connection: it is to be one with the first byte.
  mutating func awaitFirstByte() { if phase == .arriving, !isEnding, steps.isEmpty { steps = [.firstByte] } }

  /// The request to become a WebSocket is good, and is to say whose connection it is.
  mutating func awaitLogin() { if phase == .arriving, !isEnding, steps.isEmpty { steps = [.login] } }

  /// The peer has done something wrong. What there is to tell it is on its way.
  mutating func failed(_ detail: String) {
    if let step, !step.hasWords { isMute = true }
    fail(detail)
  }

  /// The peer has gone without having said anything, or may not come in: nothing of it is a failure of the step.
  mutating func leave() {
    isMute = true
    isEnding = true
  }

  /// The end of the peer's stream.
  mutating func peerClosed() {
    isMute = true
    fail("the peer closed before it was done")
  }

  /// The socket failed.
  mutating func broke(_ detail: String) {
    isMute = true
    fail(detail)
  }

  /// There was no more time: for the steps, or for the peer to read why it was refused.
  mutating func timeIsUp(_ time: Duration) {
    guard step != .firstByte else { return stepDone() }
    isMute = true
    fail("it was not done within \(time)")
  }

  /// The server drains.
  mutating func drain() { leave() }

  private mutating func fail(_ detail: String) {
    // What comes after the first failure, or the drain, follows from it.
    if let step, !isEnding { failure = Failure(reason: step.failure, detail: detail) }
    isEnding = true
  }

  // MARK: Decision

  /// What to do now. Called after every event.
  ///
  /// - Parameter isFlushed: whether the kernel has taken all that there was to say.
  mutating func next(isFlushed: Bool) -> Action {
    switch phase {
    case .over: return .wait
    case .parting:
      guard isMute else { return .wait }
      phase = .over
      return .close
    case .arriving where isEnding:
      phase = isMute ? .over : .parting
      return isMute ? .close : .part
    case .arriving:
      guard steps.isEmpty, isFlushed else { return .wait }
      phase = .over
      return .handOver
    }
  }
}
