import Logging
import ServiceLifecycle
import UnixSignals

/// SIGHUP reloads. The first SIGTERM or SIGINT drains, the second closes everything at once.
struct SignalService: Service {
  private let signals: UnixSignalsSequence
  private let reload: @Sendable () -> Void
  private let drain: @Sendable () async -> Void
  private let quit: @Sendable () -> Void

  /// From here on the signals end nothing by themselves; those that come before ``run()`` are handled there.
  init(
    reload: @escaping @Sendable () -> Void, drain: @escaping @Sendable () async -> Void, quit: @escaping @Sendable () -> Void
  ) async {
    signals = await UnixSignalsSequence(trapping: .sighup, .sigterm, .sigint)
    self.reload = reload
    self.drain = drain
    self.quit = quit
  }

  func run() async throws {
    var drains = false
    for await signal in signals.cancelOnGracefulShutdown() {
      switch signal {
      case .sighup: if !drains { reload() }
      case _ where drains: quit()
      default:
        drains = true
        await drain()
      }
    }
  }
}
