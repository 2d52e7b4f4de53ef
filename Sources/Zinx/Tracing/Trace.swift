import Synchronization
import ZinxIO

/// A look at the messages of some connections while they pass. Event loops, workers and senders put them in, and never wait for whoever
/// takes them out. Whoever has begun it ends it: until then the connections go on with it.
package final class Trace: Sendable {
  /// Connections that one trace follows at most.
  package static let connectionLimit = 1000

  package let limits: TraceLimits
  private let buffer: Mutex<TraceBuffer>
  private let server: ServerContext
  private let ids = Mutex<Set<UInt64>>([])

  init(_ limits: TraceLimits, of server: ServerContext) {
    (self.limits, self.server) = (limits, server)
    buffer = Mutex(TraceBuffer(limits))
  }

  // MARK: Who looks (any thread)

  /// What becomes of a connection that is to be followed.
  package enum Following: Sendable, Hashable {
    case begun
    /// This trace follows it already.
    case already
    /// Another one does.
    case byAnother
    /// This one follows ``connectionLimit``.
    case full
  }

  /// Follows a connection from here on, if that is possible.
  ///
  /// What the peer sends is seen from when its event loop has heard of it.
  package func follow(_ connection: Connection) -> Following {
    let following: Following = ids.withLock { ids in
      guard !ids.contains(connection.id) else { return .already }
      guard ids.count < Self.connectionLimit else { return .full }
      guard server.traces.begin(self, connection.id) else { return .byAnother }
      ids.insert(connection.id)
      return .begun
    }
    if following == .begun { connection.traceChanged() }
    return following
  }

  /// The connections that it follows, those that have ended included until ``forgetEnded()``.
  package var connections: Set<UInt64> { ids.withLock { $0 } }

  /// Lets go of those that have ended: they do not count against ``connectionLimit`` any more.
  package func forgetEnded() {
    let ended = ids.withLock { ids in
      let ended = ids.filter { (try? server.connManager.get($0)) == nil }
      ids.subtract(ended)
      return ended
    }
    for id in ended { server.traces.end(self, id) }
  }

  /// What has passed since the last time.
  package func take() -> (messages: [TracedMessage], leftOut: TraceGap) { buffer.withLock { $0.take() } }

  /// Whether as many messages were seen as were asked for.
  package var isFull: Bool { buffer.withLock { $0.isFull } }

  /// How many messages were shown and left out since the beginning.
  package var counts: (shown: Int, leftOut: Int) { buffer.withLock { ($0.shown, $0.leftOut) } }

  /// Lets go of the connections: they cost what they did before. Once.
  package func end() {
    let ended = ids.withLock { ids in
      defer { ids = [] }
      return ids
    }
    for id in ended {
      server.traces.end(self, id)
      if let connection = try? server.connManager.get(id) { connection.traceChanged() }
    }
  }

  // MARK: What passes

  /// What may be copied at the moment: see ``TraceBuffer/room(at:)``.
  func room(at now: Instant) -> Int { buffer.withLock { $0.room(at: now) } }

  func add(_ messages: [TracedMessage], of total: Int, isBehind: Bool = false, at now: Instant) {
    buffer.withLock { $0.add(messages, of: total, isBehind: isBehind, at: now) }
  }

  /// The same of all that was gathered for a connection: what was sent behind it follows.
  func addGathered(_ messages: [TracedMessage], of total: Int, _ connection: UInt64, at now: Instant) {
    buffer.withLock {
      $0.add(messages, of: total, at: now)
      $0.release(connection)
    }
  }
}

/// Which connections are traced. Connections have no more than a flag for it, in places where they branch anyway.
final class TraceTable: Sendable {
  private let traces = Mutex<[UInt64: Trace]>([:])

  /// The trace of a connection; nil without one.
  subscript(id: UInt64) -> Trace? { traces.withLock { $0[id] } }

  /// Returns false where there is one already.
  func begin(_ trace: Trace, _ id: UInt64) -> Bool {
    traces.withLock { traces in
      guard traces[id] == nil else { return false }
      traces[id] = trace
      return true
    }
  }

  func end(_ trace: Trace, _ id: UInt64) {
    traces.withLock { traces in
      if traces[id] === trace { traces[id] = nil }
    }
  }
}
