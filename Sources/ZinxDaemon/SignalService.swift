import Logging
import ServiceLifecycle
import UnixSignals

/// SIGHUP reloads. The first SIGTERM or SIGINT drains, the second closes everything at once.
struct SignalService: Service {
  let reload: @Sendable () -> Void
  let drain: @Sendable () async -> Void
  let quit: @Sendable () -> Void

  func run() async throws {
    var drains = false
    for await signal in await UnixSignalsSequence(trapping: .sighup, .sigterm, .sigint).cancelOnGracefulShutdown() {
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
