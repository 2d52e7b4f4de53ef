import Synchronization
import Zinx

/// Looks after the health of a server. Any thread.
final class HealthWatch: Sendable {
  private let server: Server
  private let status: Status
  private let isServing = Atomic<Bool>(false)
  private let loopLags = Mutex(LoopLags())

  init(_ server: Server, _ status: Status) { (self.server, self.status) = (server, status) }

  /// From here on it is ready.
  func serves() { isServing.store(true, ordering: .relaxed) }

  /// Asks the event loops that have answered for an answer: to be called about twice a second.
  func look() {
    let now = ContinuousClock.now
    _ = server.pingLoops(where: { loop in self.loopLags.withLock { $0.ask(loop, at: now) } }) { [weak self] loop in
      self?.loopLags.withLock { $0.answered(loop, at: .now) }
    }
  }

  /// How long each event loop takes to answer.
  var lags: [(loop: Int, lag: Duration)] { loopLags.withLock { $0.lags(at: .now) } }

  var health: Health {
    let busyTimes = server.workerBusyTimes
    return Health(
      phase: status.acceptsNobody ? .draining : isServing.load(ordering: .relaxed) ? .serving : .starting,
      silentLoops: loopLags.withLock { $0.silent(at: .now) }, workers: busyTimes.count, blocked: Health.blocked(busyTimes),
      lacks: server.pluginLacks)
  }
}
