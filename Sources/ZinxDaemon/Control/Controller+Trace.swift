import Zinx
import ZinxControl
import ZinxIO

/// The messages of connections while they pass, on the thread of the client that wants to see them.
extension Controller {
  /// Time for event loops to hear of it.
  private static let patience = Duration.seconds(1)

  func trace(
    _ tracing: ControlRequest.Tracing, _ id: JSON, _ peer: ControlPeer, _ write: (String?) -> Bool
  ) throws(ControlError) {
    let wanted = try connections(of: tracing.target)
    let usual = ControlRequest.Tracing.self
    let trace = server.trace(TraceLimits(data: tracing.bytes ?? usual.usualBytes, count: tracing.count))
    defer { trace.end() }
    let followed = wanted.found.map { (id: $0.id, outcome: trace.follow($0)) }
    let busy = followed.filter { $0.outcome == .byAnother }
    waitForLoops()
    tell("traces the messages of \(Self.counted(trace.connections.count))", peer)
    let first: JSON = [
      "messages": [], "leftOut": 0, "traced": .count(trace.connections.count),
      "missing": .array(wanted.missing.map { .count($0) }),
      "busy": .array(busy.prefix(TraceLines.mostIDs).map { .count($0.id) }),
      "beyondLimit": .count(followed.count { $0.outcome == .full }),
    ]
    guard write(ControlProtocol.answer(id, first, more: true).description) else { return }
    watch(trace, tracing, id, write)
  }

  /// Those that are meant, and the ids that nobody has.
  func connections(of target: ControlRequest.Closing.Target) throws(ControlError) -> (found: [Connection], missing: [UInt64]) {
    switch target {
    case .matching(let filter): return (matching(filter), [])
    case .ids(let ids):
      let found = Set(ids).compactMap { try? server.connManager.get($0) }
      return (found, Set(ids).subtracting(found.map(\.id)).sorted())
    }
  }

  private func watch(_ trace: Trace, _ tracing: ControlRequest.Tracing, _ id: JSON, _ write: (String?) -> Bool) {
    let lines = TraceLines(id, clock: .now)
    let pause = Parker()
    let filter: Filter? = if case .matching(let filter) = tracing.target { filter } else { nil }
    let time = Duration.seconds(tracing.seconds ?? ControlRequest.Tracing.usualSeconds)
    var schedule = TraceSchedule(for: time, followsNew: filter != nil, at: .now)
    func say(always: Bool) -> Bool {
      let (messages, leftOut) = trace.take()
      guard always || !messages.isEmpty else { return true }
      schedule.spoke(at: .now)
      return lines.lines(messages, leftOut).allSatisfy { write($0) }
    }
    while true {
      switch schedule.next(at: .now, isFull: trace.isFull, isAlone: isAlone(trace), isOver: isOver) {
      case .wait(let time):
        _ = pause.park(atMost: time)
        // Whoever has gone keeps no connection from the next one.
        guard say(always: false), write(nil) else { return }
      case .speak: guard say(always: true) else { return }
      case .follow:
        trace.forgetEnded()
        for connection in matching(filter) { _ = trace.follow(connection) }
      case .end(let reason):
        guard say(always: false) else { return }
        _ = write(lines.last(reason, trace.counts))
        return
      }
    }
  }

  /// Whether nobody comes any more: the daemon has drained.
  private var isOver: Bool { status.isDraining && server.connManager.count == 0 }

  /// Whether none of its connections is left.
  private func isAlone(_ trace: Trace) -> Bool {
    trace.connections.allSatisfy { (try? server.connManager.get($0)) == nil }
  }

  /// Returns when the event loops have done what they were told before, or one of them hangs.
  private func waitForLoops() {
    let parker = Parker()
    let count = server.pingLoops { _ in parker.unpark() }
    let deadline = ContinuousClock.now + Self.patience
    for _ in 0..<count { guard parker.park(atMost: deadline - .now) else { return } }
  }
}
