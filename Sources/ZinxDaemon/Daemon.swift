import ArgumentParser
import Glibc
import Logging
import ServiceLifecycle
import Systemd
import Zinx
import ZinxConfig
import ZinxWire

/// A whole daemon around a list of plugins: command line, configuration, log, systemd, signals.
///
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
  ///   - name: the command's name, in its help and its log.
  public static func main(plugins: [any RoutePlugin.Type], name: String = "zinxd", version: String = Daemon.version) async
    -> Never
  {
    // Standard error may be a pipe whose reader is gone: that is an error of a write, and must not end a daemon, which systemd would
    // take for a clean end.
    signal(SIGPIPE, SIG_IGN)

    // 1. The command line. Questions are answered without touching anything else.
    let arguments = parse(name: name)
    let registry = PluginRegistry(plugins)
    if arguments.version { finish("\(name) \(version)") }
    if arguments.listPlugins { finish(Self.list(registry)) }
    if let path = arguments.importedPath {
      let command = ImportCommand(path, registry, name: name)
      print(command.output, terminator: "")
      for line in command.lines { complain(line, nil) }
      exit(command.status.rawValue)
    }
    if let section = arguments.manual { finish(section.text(registry)) }
    if arguments.reload {
      let (status, lines) = ReloadRequest.ask()
      for line in lines { complain(line, nil) }
      exit(status.rawValue)
    }

    // 2. What systemd passed. It is taken out of the environment before anything could start a child.
    let variables = Self.variable(ConfigurationFile.environmentVariable)
    let environment = ServiceEnvironment.takeFromProcess()

    // 3. The log, before there is anybody who could want to use it. Nothing that logs ever waits for it.
    let output: LogOutput
    do { output = try LogOutput(to: JournalStream.sink(for: environment, identifier: name)) } catch {
      complain("error: \(error)", environment)
      fail(.unavailable, "Raise the limit of threads (TasksMax=, ulimit -u).")
    }
    LoggingSystem.bootstrap { output.handler(label: $0) }

    // 4. The configuration, as a whole or not at all.
    let load: @Sendable () throws(LoadedConfiguration.Refused) -> LoadedConfiguration = {
      () throws(LoadedConfiguration.Refused) in
      try LoadedConfiguration.load(arguments.configurationPath, environment: variables, registry: registry)
    }
    let loaded: LoadedConfiguration
    do { loaded = try load() } catch {
      for line in error.lines { complain(line, environment) }
      fail(.configuration, "Correct the configuration, then check it with \(name) --check.")
    }
    if arguments.check { finish((loaded.warnings + ["\(loaded.path): OK"]).joined(separator: "\n")) }
    if arguments.printConfig { finish(Reference.json(loaded.configuration)) }

    output.level = arguments.logLevel ?? loaded.configuration.logLevel
    do { try await serve(loaded, arguments, environment, output, name: name, version: version, load: load) } catch {
      let (status, what, advice) = ExitStatus.explain(error, path: loaded.path)
      _ = output.flush(timeout: .seconds(1))
      complain("error: \(what)", environment)
      fail(status, advice)
    }
    _ = output.flush(timeout: .seconds(2))
    exit(ExitStatus.success.rawValue)
  }

  private static func serve(
    _ loaded: LoadedConfiguration, _ arguments: CommandLineArguments, _ environment: ServiceEnvironment, _ output: LogOutput,
    name: String, version: String, load: @escaping @Sendable () throws(LoadedConfiguration.Refused) -> LoadedConfiguration
  ) async throws {
    let configuration = loaded.configuration
    let log = Logger(label: name)
    for warning in loaded.warnings { log.warning("\(warning)") }

    // 5. The server. Its port is open when it has started.
    let manager = try ServiceManager(environment: environment)
    let sockets = try ListenSockets.claim(environment)
    let events = EventLog(log)
    let server = try Server(configuration.server, plugins: loaded.plugins) { events.take($0) }
    try server.checkThreads()
    try await server.start(listeningOn: sockets.map(\.descriptor))

    // 6. Who looks after it.
    let status = Status(server)
    let supervision = Supervision(server, status, manager, events, log)
    let reloader = Reloader(
      configuration, server: server, status: status, output: output, fixedLevel: arguments.logLevel, log: log, load: load)
    let requests = ReloadRequest.serve(
      reloader, tell: { _ = manager.notify($0) }, done: { supervision.announce(.ready) }, log)
    let drainer = DrainService(server: server, log: log) { reloader.drainTimeout }
    let group = ServiceGroupBox()
    let signals = await SignalService(
      reload: {
        _ = manager.notify(.reloading(monotonicMicroseconds: ServiceManager.monotonicMicroseconds()))
        _ = reloader.reload()
        supervision.announce(.ready)
      },
      drain: {
        requests?.close()
        log.notice(
          "draining: \(server.connManager.count) connections left",
          metadata: ["MESSAGE_ID": "\(LifecycleMessage.draining.rawValue)"])
        supervision.announceDrain()
        await group.shutDown()
      },
      quit: {
        log.warning("second signal: \(server.connManager.count) connections are cut")
        _ = output.flush(timeout: .milliseconds(200))
        exit(ExitStatus.success.rawValue)
      })

    // 7. The word that it serves. Only now: whoever has it may send signals, and they are heard.
    announce(server, loaded, log, version: version)
    supervision.announce(.ready)

    // 8. Run until a signal, then drain.
    // Shut down in reverse: the server drains first, while supervision still reports and signals still count.
    let services: [any Service] = [signals, supervision, drainer]
    try await group.run(ServiceGroup(configuration: .init(services: services.map { .init(service: $0) }, logger: quiet(name))))
    log.notice("stopped", metadata: ["MESSAGE_ID": "\(LifecycleMessage.stopped.rawValue)"])
  }

  /// One readable line each: what is listened on, and which plugins are on.
  private static func announce(_ server: Server, _ loaded: LoadedConfiguration, _ log: Logger, version: String) {
    let configuration = loaded.configuration.server
    let addresses = server.addresses.map(\.description).joined(separator: ", ")
    log.notice(
      "\(configuration.name) \(version) listens on \(addresses), \(configuration.dataPack.rawValue), at most \(server.maxConn) connections",
      metadata: ["MESSAGE_ID": "\(LifecycleMessage.started.rawValue)"])
    let names = loaded.plugins.map { type(of: $0).name }.sorted()
    log.notice("plugins: \(names.isEmpty ? "none" : names.joined(separator: ", ")); configuration: \(loaded.path)")
  }

  /// The lifecycle library's own log, for those who debug it.
  private static func quiet(_ name: String) -> Logger {
    var log = Logger(label: "\(name).lifecycle")
    log.logLevel = .error
    return log
  }

  // MARK: Words on the terminal

  private static func parse(name: String) -> CommandLineArguments {
    CommandLineArguments.commandName = name
    do { return try CommandLineArguments.parse() } catch {
      let text = CommandLineArguments.fullMessage(for: error)
      if CommandLineArguments.exitCode(for: error).isSuccess { finish(text) }
      complain(text, nil)
      fail(.usage, "See \(name) --help.")
    }
  }

  private static func variable(_ name: String) -> [String: String] { getenv(name).map { [name: String(cString: $0)] } ?? [:] }

  private static func list(_ registry: PluginRegistry) -> String {
    let width = registry.names.map(\.count).max() ?? 0
    return registry.types.map { type in
      let ids = registry.defaultIDs(type.name).map { String($0) }.joined(separator: ",")
      let name = type.name + String(repeating: " ", count: width - type.name.count)
      return "\(name)  \(ids.isEmpty ? "-" : ids)  \(type.summary)"
    }.joined(separator: "\n")
  }

  /// Written by hand: `stderr` of C is a variable that Swift cannot see to be safe.
  /// The journal takes the level of a line from the prefix of sd-daemon(3).
  private static func complain(_ line: String, _ environment: ServiceEnvironment?) {
    let prefix = environment?.journalStream == nil ? "" : "<3>"
    let bytes = Array((prefix + line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  private static func finish(_ text: String) -> Never {
    print(text)
    exit(ExitStatus.success.rawValue)
  }

  /// The last line says what to do.
  private static func fail(_ status: ExitStatus, _ advice: String) -> Never {
    complain(advice, nil)
    exit(status.rawValue)
  }
}
