import Synchronization
import ZinxIO

extension Connection {
  /// Gives what a plugin waits for on this connection a time: when it is over, the connection ends, as by ``stop(reason:)``, or `body` runs
  /// instead. Each call replaces the one before, so a deadline is renewed by setting it again, as for each message that counts; nil takes
  /// it away. It comes once, and not any more when the connection has ended. Any thread.
  ///
  /// <!-- in: func serve(_ routes: inout RouteRegistrar) { … } -->
  /// ```swift
  /// routes.onConnStart { connection in connection.deadline(.seconds(30)) }
  /// routes.route(10) { request in
  ///   request.connection.deadline(.seconds(30))
  ///   try request.echo()
  /// }
  /// ```
  ///
  /// To renew one costs a lock that nobody else takes and a look at the clock; a connection without one pays nothing.
  ///
  /// - Parameter body: runs where the requests of the connection do, beside them, and may send, wait, or set another deadline.
  public func deadline(_ time: Duration?, _ body: (@Sendable (Connection) async -> Void)? = nil) {
    guard time != nil || self[ConnectionDeadline.Key.self] != nil else { return }
    let deadline = ownDeadline
    let due = time.map { loop.time.advanced(byNanoseconds: $0.inNanoseconds) } ?? .distantFuture
    guard deadline.set(due, body) else { return }
    membership.bitwiseOr(Membership.deadline.rawValue, ordering: .acquiringAndReleasing)
    loop.execute { self.watch(deadline) }
  }

  private var ownDeadline: ConnectionDeadline {
    if let known = self[ConnectionDeadline.Key.self] { return known }
    // Two who are here at once: one of the two is kept.
    return properties.withLock { properties in
      let key = ObjectIdentifier(ConnectionDeadline.Key.self)
      if let known = properties?[key] as? ConnectionDeadline { return known }
      let new = ConnectionDeadline()
      if properties == nil { properties = [:] }
      properties?[key] = new
      return new
    }
  }

  /// Has the loop look when the deadline may be over. Event loop.
  private func watch(_ deadline: ConnectionDeadline) {
    guard membership.load(ordering: .relaxed) & Membership.over.rawValue == 0 else { return }
    switch deadline.next(at: loop.now) {
    case .nothing: break
    case .over(let body): expire(body)
    case .look(let moment):
      if let timer = deadline.timer { loop.cancel(timer) }
      deadline.timer = loop.schedule(at: moment) { [weak self] in
        deadline.timer = nil
        self?.watch(deadline)
      }
    }
  }

  private func expire(_ body: (@Sendable (Connection) async -> Void)?) {
    guard let body else { return stop(reason: "deadline") }
    Task(executorPreference: executor) { await body(self) }
  }

  /// The connection belongs to nothing any more. Event loop.
  func endDeadline() {
    guard let deadline = self[ConnectionDeadline.Key.self] else { return }
    // Its code may hold the connection, which holds it.
    deadline.forget()
    guard let timer = deadline.timer else { return }
    deadline.timer = nil
    loop.cancel(timer)
  }
}

/// The time that a plugin has set for a connection. It is moved ahead without touching the timer, which finds out when it fires.
///
/// Unchecked: the timer is the event loop's alone.
final class ConnectionDeadline: @unchecked Sendable {
  enum Key: PropertyKey { typealias Value = ConnectionDeadline }

  typealias Body = @Sendable (Connection) async -> Void

  enum Next {
    case nothing
    case look(at: Instant)
    case over(Body?)
  }

  private struct State {
    var due = Instant.distantFuture
    var body: Body?
    /// When the timer fires, or will once the loop has come to it.
    var watchedAt = Instant.distantFuture
  }

  private let state = Mutex(State())
  var timer: EventLoop.Timer?

  /// Returns whether the loop has to look earlier than it would.
  func set(_ due: Instant, _ body: Body?) -> Bool {
    // What was there is let go of outside of the lock: it may be the last to hold something that calls us.
    let (looks, former) = state.withLock { state in
      let former = state.body
      (state.due, state.body) = (due, due == .distantFuture ? nil : body)
      guard due < state.watchedAt else { return (false, former) }
      state.watchedAt = due
      return (true, former)
    }
    withExtendedLifetime(former) {}
    return looks
  }

  /// When it is due, and whether that ends the connection and nothing else.
  var ends: (due: Instant, alone: Bool) { state.withLock { ($0.due, $0.body == nil) } }

  /// Nothing is due any more.
  func forget() { _ = set(.distantFuture, nil) }

  /// What is to be done now, and when to look again.
  func next(at now: Instant) -> Next {
    state.withLock { state in
      guard state.due < .distantFuture else {
        state.watchedAt = .distantFuture
        return .nothing
      }
      guard state.due <= now else {
        state.watchedAt = state.due
        return .look(at: state.due)
      }
      defer { state = State() }
      return .over(state.body)
    }
  }
}
