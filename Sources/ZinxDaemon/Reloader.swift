import Logging
import Synchronization
import Systemd
import Zinx
import ZinxConfig

/// SIGHUP: reads and checks the file as a whole, then switches, or changes nothing.
final class Reloader: Sendable {
  /// Held while the file is read, so that of two reloads the later one reads later.
  private let turn = Mutex(())
  private let current: Mutex<Configuration>
  private let load: @Sendable () throws(LoadedConfiguration.Refused) -> LoadedConfiguration
  private let server: Server
  private let status: Status
  private let output: LogOutput
  /// The level of the command line, which a file does not override.
  private let fixedLevel: Logger.Level?
  private let log: Logger

  init(
    _ configuration: Configuration, server: Server, status: Status, output: LogOutput, fixedLevel: Logger.Level?, log: Logger,
    load: @escaping @Sendable () throws(LoadedConfiguration.Refused) -> LoadedConfiguration
  ) {
    current = Mutex(configuration)
    self.load = load
    self.server = server
    self.status = status
    self.output = output
    self.fixedLevel = fixedLevel
    self.log = log
  }

  /// `DrainTimeout` as it is in force.
  var drainTimeout: Duration { current.withLock { $0.server.drainTimeout } }

  /// The lines on what is wrong with the file, of which the last says what to do; none when it is in force. From any thread, one at a time.
  func reload() -> [String] {
    turn.withLock { _ in readAndSwitch() }
  }

  private func readAndSwitch() -> [String] {
    do { apply(try load()) } catch {
      refuse(error)
      return error.lines + [error.advice ?? "Correct the file, then reload again."]
    }
    return []
  }

  private func apply(_ loaded: LoadedConfiguration) {
    for warning in loaded.warnings { log.warning("\(warning)") }
    let reload = current.withLock { current in
      let reload = Reload(current: current, proposed: loaded.configuration)
      current = reload.effective
      return reload
    }
    server.apply(reload.effective.server)
    output.level = fixedLevel ?? reload.effective.logLevel
    status.note(nil)
    let changes = reload.applied.isEmpty ? "nothing changed" : reload.applied.joined(separator: ", ")
    log.notice("configuration reloaded: \(changes)", metadata: ["MESSAGE_ID": "\(LifecycleMessage.reloaded.rawValue)"])
    if !reload.needsRestart.isEmpty {
      log.warning("takes effect at the next restart: \(reload.needsRestart.joined(separator: ", "))")
    }
  }

  private func refuse(_ refused: LoadedConfiguration.Refused) {
    for line in refused.lines + (refused.advice.map { [$0] } ?? []) { log.error("\(line)") }
    status.note("reload refused: \(refused.lines.first ?? "")")
    log.error(
      "reload refused, the running configuration stays in force",
      metadata: ["MESSAGE_ID": "\(LifecycleMessage.reloadRefused.rawValue)"])
  }
}
