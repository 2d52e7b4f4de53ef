import ArgumentParser
import Glibc
import Logging
import ServiceLifecycle
import Systemd
import Zinx
import ZinxConfig
import ZinxControl
import ZinxIO
import ZinxWire

/// A whole daemon around a list of plugins: command line, configuration, log, systemd, signals.
///
/// <!-- in: typealias Score = Echo; … -->
/// ```swift
/// @main struct MyDaemon {
///   static func main() async { await Daemon.main(plugins: bundledPlugins + [Score.self]) }
/// }
/// ```
public enum Daemon {
  /// The version of the library, as `--version` prints it.
  public static let version = zinxVersion

  /// Runs until a signal ends it; the process exits with a status after sysexits(3).
  ///
  /// - Parameters:
  ///   - plugins: what is compiled in; `zinx.json` chooses among them.
  ///   - nats: makes what connects to NATS where `zinx.json` has the key `Nats`, as `NatsNode.init` of `ZinxNats` does; nil: nothing does,
  ///     and such a file is refused.
  ///   - name: the command's name: in its help, its log and every word to its operator, and the default of `Name`.
  ///   - version: what `--version` and the log say.
  public static func main(
    plugins: [any RoutePlugin.Type], nats: PluginRegistry.NatsMaker? = nil, name: String = "zinxd",
    version: String = Daemon.version
  ) async -> Never {
    Program.keepStreams()
    // 0. Signals, before anything that takes time: process 1 is not sent one that it does not handle.
    var lack: SystemError?
    do { try Signals.take() } catch { lack = error }
    // Standard error may be a pipe whose reader is gone: that is an error of a write, and must not end a daemon, which systemd would
    // take for a clean end.
    signal(SIGPIPE, SIG_IGN)
    ProcessOne.split()

    // 1. The command line. Questions are answered without touching anything else.
    let arguments = parse(name: name)
    let registry = PluginRegistry(plugins, nats: nats)
    if arguments.isQuestion { answer(arguments, registry, name: name, version: version) }
    if arguments.checkHandover { await answerHandover(arguments, registry, name: name, version: version) }

    // 2. What systemd passed. It is taken out of the environment before anything could start a child.
    let load = loader(arguments, registry, name: name)
    let environment = ServiceEnvironment.takeFromProcess()
    let inheritance: Inheritance?
    do { inheritance = try Inheritance.take() } catch {
      complain("error: cannot go on where another program was: \(error)", environment)
      fail(.unavailable, "Its connections are lost. Start \(name) again.")
    }

    // A server without files enough is told from a file that cannot be read.
    do { try Server.checkDescriptors() } catch {
      fail(error, path: arguments.configurationPath ?? "zinx.json", environment, name: name)
    }
    if let lack {
      complain("error: \(lack)", environment)
      fail(.unavailable, "Raise the limit of open files (LimitNOFILE=, ulimit -n).")
    }

    // 3. The log, before there is anybody who could want to use it. Nothing that logs ever waits for it. From here on a signal ends
    // what goes on.
    let output = openLog(environment, name: name)
    let log = Logger(label: name)
    let signals: Signals
    do { signals = try Signals(takesOver: inheritance != nil) { _ in abandonStart(log, output) } } catch {
      complain("error: \(error)", environment)
      fail(.unavailable, threadAdvice)
    }

    // 4. The configuration, as a whole or not at all.
    let loaded: LoadedConfiguration
    do { loaded = try load() } catch { refuse(error, environment, name: name) }
    guard Program.hasProc else {
      complain("error: /proc is not there, and Swift's runtime needs it", environment)
      fail(
        .unavailable, "Mount it (mount -t proc proc /proc, or MountAPIVFS=yes beside RootDirectory=), then start \(name) again.")
    }

    output.level = arguments.logLevel ?? loaded.configuration.logLevel
    let reload = reloader(loaded, registry, name: name)
    do {
      try await serve(loaded, arguments, environment, inheritance, output, signals, log, version: version, load: reload)
    } catch {
      if signals.haveEnded { abandonStart(log, output) }
      _ = output.flush(timeout: .seconds(1))
      fail(error, path: loaded.path, environment, name: name)
    }
    end(output, within: .seconds(2))
  }

  private static func serve(
    _ loaded: LoadedConfiguration, _ arguments: CommandLineArguments, _ environment: ServiceEnvironment,
    _ inheritance: Inheritance?, _ output: LogOutput, _ signals: Signals, _ log: Logger, version: String, load: @escaping Loader
  ) async throws {
    let configuration = loaded.configuration
    for warning in loaded.warnings { log.warning("\(warning)") }

    // 5. The server. Its port is open when it has started.
    let manager = try ServiceManager(environment: environment)
    var sockets = try inheritance?.passed ?? ListenSockets.claim(environment)
    let all = sockets
    let metricsSockets = PassedSockets.takeMetrics(&sockets, beside: configuration.server.allEndpoints)
    let controls = ControlPlace.take(from: &sockets, listeners: configuration.server.allEndpoints.map(\.name))
    let others = all.filter { !sockets.contains($0) }
    let passed = try PassedSockets.assign(sockets, to: configuration.server.allEndpoints)
    let former = inheritance?.opened(for: configuration.server) ?? []
    let focus = LogFocusTable()
    let events = EventLog(log, focus)
    let server = try Server(
      configuration.server, plugins: loaded.allPlugins, routes: loaded.allRoutes, onEvent: { events.take($0) })
    // Who takes over has been asked, and has what the process had before.
    if inheritance == nil { try Server.checkLimits(configuration.server) }
    let status = Status(server)
    let watch = HealthWatch(server, status)
    // Before the server starts: that it does is to be seen.
    let metrics = try await MetricsService.open(
      configuration.metricsAddress, passed: metricsSockets,
      MetricsService.Parts(server, status, watch, events, output, name: log.label, version: version))
    let start = Task {
      let there = passed + former
      let wait = AddressWait(server, configuration.server, passed: there.map(\.name), manager, log)
      try await server.start(
        listeningOn: there + wait.sockets(), certificates: loaded.certificates, takingOver: inheritance?.state)
    }
    signals.began(.starting) { action in
      if action == .callOff { start.cancel() } else { abandonStart(log, output) }
    }
    try await start.value

    // 6. Who looks after it.
    let supervision = Supervision(server, status, watch, manager, events, log)
    let reloader = Reloader(
      configuration, server: server, status: status, output: output, fixedLevel: arguments.logLevel, log: log, focus: focus,
      load: load)
    let upgrader = Upgrader(
      server: server, manager: manager, supervision: supervision, status: status, reloader: reloader, environment: environment,
      passed: others, output: output, log: log, version: version)
    let controller = Controller(
      server: server, status: status, watch: watch, reloader: reloader, supervision: supervision, upgrader: upgrader,
      output: output,
      log: log, version: version, drains: OperatorDrain(server, log), focus: focus)
    let control = ControlPlace.open(ControlPlace.path(configuration.controlSocket), controls, controller)
    let drainer = DrainService(server: server, log: log) { reloader.drainTimeout }
    // Shut down in reverse: the server drains first, while supervision still reports.
    let services: [any Service] = [supervision] + (metrics.map { [$0] } ?? []) + [drainer]
    let group = ServiceGroup(
      configuration: .init(services: services.map { .init(service: $0) }, logger: quiet(log.label)))

    // 7. The word that it serves. Only now: whoever has it may send signals, and they are heard.
    announce(server, loaded, log, version: version)
    if let metrics { log.notice("metrics at \(metrics.places.joined(separator: ", "))") }
    watch.serves()
    supervision.announceReady()
    let actions = ServingActions(
      server: server, status: status, supervision: supervision, reloader: reloader, upgrader: upgrader, group: group,
      signals: signals, output: output, log: log)
    signals.began(.serving, actions.perform)
    inheritance?.repeatSignals()
    inheritance?.closeRemains(of: server)
    inheritance?.answer(["version": .string(version), "connections": .count(server.connManager.count)])

    // 8. Run until a signal, then drain.
    try await group.run()
    control?.close()
    log.notice("stopped", metadata: ["MESSAGE_ID": "\(LifecycleMessage.stopped.rawValue)"])
  }

  /// For a signal that came before it served.
  private static func abandonStart(_ log: Logger, _ output: LogOutput) -> Never {
    log.notice("stopped: a signal ended the start", metadata: ["MESSAGE_ID": "\(LifecycleMessage.stopped.rawValue)"])
    end(output)
  }

  /// Ends the process at once. Not with exit(3), by which libraries undo what threads that are still at work use: a loop on its way out frees
  /// what is OpenSSL's.
  static func end(_ output: LogOutput, within time: Duration = .milliseconds(200)) -> Never {
    _ = output.flush(timeout: time)
    _exit(ExitStatus.success.rawValue)
  }

  /// One readable line each: what is listened on, and which plugins are on.
  private static func announce(_ server: Server, _ loaded: LoadedConfiguration, _ log: Logger, version: String) {
    let configuration = loaded.configuration.server
    log.notice(
      "\(configuration.name) \(version) listens on \(text(server.listeners)), at most \(server.maxConn) connections",
      metadata: ["MESSAGE_ID": "\(LifecycleMessage.started.rawValue)"])
    let names = loaded.plugins.map { type(of: $0).name }.sorted()
    log.notice("plugins: \(names.isEmpty ? "none" : names.joined(separator: ", ")); configuration: \(loaded.path)")
  }

  /// `127.0.0.1:7777, ltv-le`; of several listeners each with its name, `web: [::]:7780, ltv-le; local: …`.
  static func text(_ listeners: [ListenerInfo]) -> String {
    listeners.map { listener in
      let addresses = listener.addresses.joined(separator: ", ")
      let name = listeners.count > 1 || listener.name != Endpoint.defaultName ? "\(listener.name): " : ""
      let plugins = listener.plugins.map { ", plugins \($0.joined(separator: " "))" } ?? ""
      let proxies = listener.proxyProtocol == .require ? " behind proxies" : ""
      let transport = listener.transport == .webSocket ? " by WebSocket" : ""
      return "\(name)\(addresses), \(listener.framing)\(transport)\(listener.isTLS ? " over TLS" : "")\(proxies)\(plugins)"
    }.joined(separator: "; ")
  }

  /// The lifecycle library's own log, for those who debug it.
  private static func quiet(_ name: String) -> Logger {
    var log = Logger(label: "\(name).lifecycle")
    log.logLevel = .error
    return log
  }
}
