import Logging
import ServiceLifecycle
import Zinx

/// Keeps the server until the group shuts down, then drains it.
struct DrainService: Service {
  let server: Server
  let log: Logger
  let timeout: @Sendable () -> Duration

  func run() async throws {
    try? await gracefulShutdown()
    let timeout = timeout()
    let cut = await server.drain(timeout: timeout)
    guard cut > 0 else { return log.notice("drained: every connection ended by itself") }
    log.warning(
      "drain timed out after \(timeout): \(cut) connections were cut",
      metadata: ["MESSAGE_ID": "\(LifecycleMessage.drainCut.rawValue)"])
  }
}
