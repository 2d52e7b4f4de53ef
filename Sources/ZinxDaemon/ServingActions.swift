import Glibc
import Logging
import ServiceLifecycle
import Systemd
import Zinx
import ZinxIO

/// Does what signals mean while the daemon serves, on their thread.
struct ServingActions: Sendable {
  /// Nanoseconds for connections to end that are cut.
  private static let cutTime: Int64 = 500_000_000
  /// Microseconds between two looks.
  private static let cutPause: UInt32 = 2000

  let server: Server
  let status: Status
  let supervision: Supervision
  let reloader: Reloader
  let upgrader: Upgrader
  let group: ServiceGroup
  let signals: Signals
  let output: LogOutput
  let log: Logger

  func perform(_ action: Signals.Life.Action) {
    switch action {
    case .reload: reload()
    case .report:
      for line in status.report { log.notice("\(line)", metadata: ["MESSAGE_ID": "\(LifecycleMessage.status.rawValue)"]) }
    case .upgrade: upgrade()
    case .drain: drain()
    case .callOff, .exit:
      log.warning("second signal: \(server.connManager.count) connections are cut")
      cut()
      Daemon.end(output)
    }
  }

  /// Their ends are told as all others are; a handler that blocks is not waited for.
  private func cut() {
    server.cutAll()
    let deadline = Instant.now.advanced(byNanoseconds: Self.cutTime)
    while server.connManager.count > 0, Instant.now < deadline { usleep(Self.cutPause) }
  }

  /// On a thread of its own, if there is one: reading the file must not hold up a signal that ends.
  private func reload() {
    let reload: @Sendable () -> Void = {
      supervision.announceReload()
      _ = reloader.reload()
      supervision.announceReady()
      signals.reloaded()
    }
    do { _ = try Thread(reload) } catch {
      log.warning("\(error)")
      reload()
    }
  }

  /// What comes of it is in the log.
  private func upgrade() {
    let upgrade: @Sendable () -> Void = { try? upgrader.upgrade(nil, for: nil) { _ in } }
    do { _ = try Thread(upgrade) } catch { log.warning("\(error)") }
  }

  private func drain() {
    log.notice(
      "draining: \(server.connManager.count) connections left",
      metadata: ["MESSAGE_ID": "\(LifecycleMessage.draining.rawValue)"])
    supervision.announceDrain()
    Task { await group.triggerGracefulShutdown() }
  }
}
