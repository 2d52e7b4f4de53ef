import Logging
import ServiceLifecycle
import Synchronization
import Systemd
import Zinx
import ZinxIO

/// Looks after the running server about twice a second: the status line, the watchdog, time for a long drain, workers that are blocked,
/// and what was left out of the log.
final class Supervision: Service {
  private typealias Clock = ContinuousClock

  /// Between two looks. A status is right within a second of a change, and at most two are sent in one.
  private static let tick = Duration.milliseconds(550)
  /// What systemd is asked for while draining; renewed at every look.
  private static let extensionTime = Duration.seconds(5)

  private let server: Server
  private let status: Status
  private let watch: HealthWatch
  private let manager: ServiceManager
  private let events: EventLog
  private let log: Logger
  private let reporter = Mutex(StatusReporter<Clock.Instant>())
  private let watchdog: Mutex<Watchdog<Clock.Instant>?>
  private let blockedWorkers = Mutex<Set<Int>>([])
  private let day = Mutex(Daily(at: .now))

  init(
    _ server: Server, _ status: Status, _ watch: HealthWatch, _ manager: ServiceManager, _ events: EventLog, _ log: Logger
  ) {
    self.server = server
    self.status = status
    self.watch = watch
    self.manager = manager
    self.events = events
    self.log = log
    watchdog = Mutex(Watchdog(timeout: manager.watchdogTimeout, loops: server.pingLoops { _ in }, now: .now))
  }

  /// Tells systemd that the server serves, together with the status of this moment; of one that drains this would be no news.
  func announceReady() {
    reporter.withLock { reporter in
      if !status.isDraining { announce(.ready, &reporter) }
    }
  }

  /// A reload begins; ``announceReady()`` is its end.
  func announceReload() {
    reporter.withLock { _ in
      guard !status.isDraining else { return }
      _ = manager.notify(.reloading(monotonicMicroseconds: ServiceManager.monotonicMicroseconds()))
    }
  }

  /// The drain begins. No word about it reaches systemd before `STOPPING=1`.
  func announceDrain() {
    reporter.withLock { reporter in
      status.drains()
      announce(.stopping, &reporter)
    }
  }

  private func announce(_ notification: Notification, _ reporter: inout StatusReporter<Clock.Instant>) {
    let text = status.text
    reporter.sentElsewhere(text, at: .now)
    notify(notification.with(.status(text)), &reporter)
  }

  /// Sends what has a status in it. One that does not arrive is due again at the next look.
  private func notify(_ notification: Notification, _ reporter: inout StatusReporter<Clock.Instant>) {
    switch manager.notify(notification) {
    case .sent, .delayed, .notUnderSystemd: break
    case .dropped, .failed: _ = reporter.notDelivered(at: .now)
    }
  }

  func run() async throws {
    // An eighth: a loop that hangs is named before systemd ends the process, however the looks fall.
    let pause = min(Self.tick, manager.watchdogTimeout.map { $0 / 8 } ?? Self.tick)
    while !Task.isShuttingDownGracefully, !Task.isCancelled {
      look()
      // The end must not wait for the next look.
      try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
    }
  }

  private func look() {
    manager.retryDelayed()
    reporter.withLock { reporter in
      reportStatus(&reporter)
      if status.isDraining { _ = manager.notify(.extendTimeout(Self.extensionTime)) }
    }
    watch.look()
    checkLoops()
    checkWorkers()
    events.reportLeftOut()
    let counters = server.counters
    events.reportSkipped(counters.messagesSkipped)
    events.reportUnencodable(counters.messagesUnencodable)
    if day.withLock({ $0.isOver(at: .now) }) { server.tellCertificates() }
  }

  private func reportStatus(_ reporter: inout StatusReporter<Clock.Instant>) {
    guard case .send(let text) = reporter.changed(to: status.text, at: .now) else { return }
    notify(.status(text), &reporter)
  }

  private func checkLoops() {
    switch watchdog.withLock({ $0?.tick(at: .now) }) {
    case .ask: _ = server.pingLoops { [weak self] loop in self?.answered(loop) }
    case .ping: _ = manager.notify(.watchdog)
    case .late(let loops):
      log.error(
        "event loops do not answer, the watchdog is not fed: \(loops)",
        metadata: ["MESSAGE_ID": "\(LifecycleMessage.loopLate.rawValue)"])
    case .wait, .nothing, nil: break
    }
  }

  /// Event loops call this.
  private func answered(_ loop: Int) {
    if case .ping = watchdog.withLock({ $0?.answer(from: loop) }) { _ = manager.notify(.watchdog) }
  }

  private func checkWorkers() {
    let blocked = watch.health.blocked
    let news = blockedWorkers.withLock { known in
      defer { known = Set(blocked.map(\.worker)) }
      return blocked.filter { !known.contains($0.worker) }
    }
    for worker in news {
      log.warning("\(worker.text)", metadata: ["MESSAGE_ID": "\(LifecycleMessage.workerBlocked.rawValue)"])
    }
  }
}
