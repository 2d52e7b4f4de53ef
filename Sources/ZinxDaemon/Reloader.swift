import Logging
import Synchronization
import Systemd
import Zinx
import ZinxConfig
import ZinxControl
import ZinxIO
import ZinxWire

/// SIGHUP: reads and checks the file as a whole, then switches, or changes nothing.
final class Reloader: Sendable {
  /// Held while the file is read, so that of two reloads the later one reads later.
  private let turn = Mutex(())
  private let current: Mutex<Configuration>
  /// What was set by hand since the last reload, in the order in which it was.
  private let setOptions = Mutex<[SetOption]>([])
  private let load: @Sendable () throws(LoadedConfiguration.Refused) -> LoadedConfiguration
  private let server: Server
  private let status: Status
  private let output: LogOutput
  /// The level of the command line, which a file does not override.
  private let fixedLevel: Logger.Level?
  private let log: Logger
  private let focus: LogFocusTable

  init(
    _ configuration: Configuration, server: Server, status: Status, output: LogOutput, fixedLevel: Logger.Level?, log: Logger,
    focus: LogFocusTable = LogFocusTable(),
    load: @escaping @Sendable () throws(LoadedConfiguration.Refused) -> LoadedConfiguration
  ) {
    current = Mutex(configuration)
    self.load = load
    self.server = server
    self.status = status
    self.output = output
    self.fixedLevel = fixedLevel
    self.log = log
    self.focus = focus
  }

  /// `DrainTimeout` as it is in force.
  var drainTimeout: Duration { current.withLock { $0.server.drainTimeout } }

  /// What came of a reload.
  struct Outcome {
    /// On what is wrong with the file; the last says what to do. None when it is in force.
    var problems: [String] = []
    var applied: [String] = []
    var needsRestart: [String] = []
    var warnings: [String] = []
  }

  /// Reads the file and puts it into force. From any thread, one at a time.
  func reload() -> Outcome {
    turn.withLock { _ in readAndSwitch() }
  }

  private func readAndSwitch() -> Outcome {
    do { return try apply(try load()) } catch {
      refuse(error)
      return Outcome(problems: error.lines + [error.advice ?? "Correct the file, then reload again."])
    }
  }

  private func apply(_ loaded: LoadedConfiguration) throws(LoadedConfiguration.Refused) -> Outcome {
    for warning in loaded.warnings { log.warning("\(warning)") }
    try checkCodecs(loaded)
    let plugins = server.successors(among: loaded.plugins, loaded.routes)
    let reload = Reload(
      current: current.withLock { $0 }, proposed: loaded.configuration, livePlugins: plugins.map { type(of: $0).name },
      defaultPlugins: loaded.defaultPlugins)
    do { try switchServer(to: reload.effective.server, plugins, loaded.certificates) } catch {
      let (_, what, advice) = ExitStatus.explainReload(error, path: loaded.path, program: log.label)
      throw LoadedConfiguration.Refused(lines: ["error: \(what)"], advice: advice)
    }
    current.withLock { $0 = reload.effective }
    setOptions.withLock { $0 = [] }
    focus.clear()
    output.level = fixedLevel ?? reload.effective.logLevel
    status.note(nil)
    status.countReload(isRefused: false)
    let changes = reload.applied.isEmpty ? "nothing changed" : reload.applied.joined(separator: ", ")
    let hasTLS = reload.effective.server.allEndpoints.contains { $0.tls != nil }
    let certificates = hasTLS ? "; certificates were read anew" : ""
    log.notice(
      "configuration reloaded: \(changes)\(certificates)", metadata: ["MESSAGE_ID": "\(LifecycleMessage.reloaded.rawValue)"])
    // With the ports that the kernel chose.
    if reload.changesListeners { log.notice("now listens on \(Daemon.text(server.listeners))") }
    if !reload.needsRestart.isEmpty {
      log.warning("takes effect at the next restart: \(reload.needsRestart.joined(separator: ", "))")
    }
    return Outcome(applied: reload.applied, needsRestart: reload.needsRestart, warnings: loaded.warnings)
  }

  /// A codec that comes with a plugin which does not run, or by a name that it has by new settings, has nobody behind it.
  private func checkCodecs(_ loaded: LoadedConfiguration) throws(LoadedConfiguration.Refused) {
    let running = server.codecs
    for endpoint in loaded.configuration.server.allEndpoints {
      guard case .codec(let codec) = endpoint.framing ?? loaded.configuration.server.framing, !running.contains(codec.name)
      else { continue }
      let owner = loaded.routes.codecs.first { $0.codec.name == codec.name }?.owner ?? codec.name
      throw LoadedConfiguration.Refused(
        lines: [
          "error: \(loaded.path): the listener \(quotedBriefly(endpoint.name)) has the DataPack \(quotedBriefly(codec.name)) of the plugin "
            + "\(quotedBriefly(owner)), which is not running, or not with it"
        ],
        advice: "Restart \(log.label): plugins come and go with it.")
    }
  }

  /// Opens the listeners that are new, which may take a look-up of a name, and switches. On a thread that may wait.
  private func switchServer(
    to configuration: ServerConfiguration, _ plugins: [any RoutePlugin], _ certificates: ListenerCertificates
  ) throws {
    let (outcome, parker) = (SwitchOutcome(), Parker())
    Task { [server] in
      do { try await server.reload(configuration, plugins: plugins, certificates: certificates) } catch {
        outcome.error.withLock { $0 = error }
      }
      parker.unpark()
    }
    parker.park()
    if let error = outcome.error.withLock({ $0 }) { throw error }
  }

  /// Why a switch has failed.
  private final class SwitchOutcome: Sendable { let error = Mutex<(any Error)?>(nil) }

  // MARK: By hand

  /// What is in force.
  var configuration: Configuration { current.withLock { $0 } }

  /// What was set by hand since the last reload.
  var overrides: [SetOption] { setOptions.withLock { $0 } }

  /// With no reload at the same time.
  func inTurn<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    try turn.withLock { _ throws(Failure) in try body() }
  }

  /// Puts a configuration into force in which one option was set.
  func use(_ new: Configuration, _ change: SetOption) {
    server.apply(new.server)
    // What zinxctl log has said holds whatever else is set.
    if change.key == "LogLevel" { output.level = new.logLevel }
    current.withLock { $0 = new }
    note(change)
  }

  /// Logs from this level on, whatever the command line says.
  func setLevel(_ level: Logger.Level) {
    let before = output.level
    output.level = level
    note(SetOption(key: "LogLevel", value: .string(level.rawValue), before: .string(before.rawValue)))
  }

  private func note(_ change: SetOption) {
    setOptions.withLock { set in
      let before = set.first { $0.key == change.key }?.before ?? change.before
      set.removeAll { $0.key == change.key }
      set.append(SetOption(key: change.key, value: change.value, before: before))
    }
  }

  private func refuse(_ refused: LoadedConfiguration.Refused) {
    for line in refused.lines + (refused.advice.map { [$0] } ?? []) { log.error("\(line)") }
    status.note("reload refused: \(refused.lines.first ?? "")")
    status.countReload(isRefused: true)
    log.error(
      "reload refused, the running configuration stays in force",
      metadata: ["MESSAGE_ID": "\(LifecycleMessage.reloadRefused.rawValue)"])
  }
}
