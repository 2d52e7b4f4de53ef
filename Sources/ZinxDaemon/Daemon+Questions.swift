import ArgumentParser
import Glibc
import Logging
import Systemd
import Zinx
import ZinxConfig
import ZinxIO

/// What is answered and over: the command line, and how a process that does not serve ends.
extension Daemon {
  typealias Loader = @Sendable () throws(LoadedConfiguration.Refused) -> LoadedConfiguration

  static let threadAdvice = "Raise the limit of threads (TasksMax=, ulimit -u) or of memory (LimitAS=, LimitDATA=, ulimit -v -d)."

  static func parse(name: String) -> CommandLineArguments {
    CommandLineArguments.commandName = name
    do { return try CommandLineArguments.parse(Program.arguments) } catch {
      let text = CommandLineArguments.fullMessage(for: error)
      if CommandLineArguments.exitCode(for: error).isSuccess { finish(text) }
      complain(text, nil)
      fail(.usage, "See \(name) --help.")
    }
  }

  /// Signals do what they do by default: a question that was not answered must not look as if it was.
  static func answer(_ arguments: CommandLineArguments, _ registry: PluginRegistry, name: String, version: String) -> Never {
    Signals.giveBack()
    if arguments.version { finish("\(name) \(version)") }
    if arguments.listPlugins { finish(list(registry)) }
    if let path = arguments.importedPath {
      let command = ImportCommand(path, registry, name: name)
      output(command.output)
      for line in command.lines { complain(line, nil) }
      exit(command.status.rawValue)
    }
    if let section = arguments.manual { finish(section.text(registry, program: name)) }
    if arguments.reload {
      // A bad file says nothing of where to ask: the daemon that runs has read another one.
      let loaded = try? loader(arguments, registry, name: name)()
      let (status, lines) = ReloadRequest.ask(loaded?.configuration.controlSocket, program: name)
      for line in lines { complain(line, nil) }
      exit(status.rawValue)
    }
    let load = loader(arguments, registry, name: name)
    let environment = ServiceEnvironment.takeFromProcess()
    let output = openLog(environment, name: name)
    do {
      let loaded = try load()
      if arguments.check { finish(report(loaded)) }
      if loaded.configuration.hasHiddenSettings { complain("note: null stands for settings that are not shown", nil) }
      finish(withExtendedLifetime(output) { Reference.json(loaded.configuration) })
    } catch { refuse(error, environment, name: name) }
  }

  /// Another program asks, which reads what is said.
  static func answerHandover(_ arguments: CommandLineArguments, _ registry: PluginRegistry, name: String, version: String) async
    -> Never
  {
    Signals.giveBack()
    let load = loader(arguments, registry, name: name)
    let (lines, status) = await HandoverCheck.run(load, program: "\(name) \(version)")
    output(lines.map { $0 + "\n" }.joined())
    exit(status.rawValue)
  }

  private static func report(_ loaded: LoadedConfiguration) -> String {
    let isRoot = geteuid() == 0
    let more = loaded.place?.checkWarnings(for: loaded.path, isRoot: isRoot) ?? []
    let notes = (isRoot ? loaded.readerNotes : []) + loaded.machineNotes
    return (loaded.warnings + loaded.certificateWarnings + more + notes + ["\(loaded.path): OK"]).joined(separator: "\n")
  }

  /// What the start reads. To be made before the environment is changed.
  static func loader(_ arguments: CommandLineArguments, _ registry: PluginRegistry, name: String) -> Loader {
    let variables = variable(ConfigurationFile.environmentVariable)
    let source = LoadedConfiguration.Source.search(explicit: arguments.configurationPath, environment: variables)
    let files = SettingFiles.system(isQuestion: arguments.isQuestion)
    return { () throws(LoadedConfiguration.Refused) in
      try LoadedConfiguration.load(source, registry: registry, program: name, files: files)
    }
  }

  /// What a reload reads: the same file, wherever another would be found by now.
  static func reloader(_ loaded: LoadedConfiguration, _ registry: PluginRegistry, name: String) -> Loader {
    let source = LoadedConfiguration.Source.again(path: loaded.path, place: loaded.place)
    let files = SettingFiles.system(isQuestion: false)
    return { () throws(LoadedConfiguration.Refused) in
      try LoadedConfiguration.load(source, registry: registry, program: name, files: files)
    }
  }

  static func openLog(_ environment: ServiceEnvironment, name: String) -> LogOutput {
    do {
      let output = try LogOutput(to: JournalStream.sink(for: environment, identifier: name))
      LoggingSystem.bootstrap { output.handler(label: $0) }
      return output
    } catch {
      complain("error: \(error)", environment)
      fail(.unavailable, threadAdvice)
    }
  }

  static func refuse(_ refused: LoadedConfiguration.Refused, _ environment: ServiceEnvironment, name: String) -> Never {
    for line in refused.lines { complain(line, environment) }
    fail(.configuration, refused.advice ?? "Correct the configuration, then check it with \(name) --check.")
  }

  private static func variable(_ name: String) -> [String: String] { getenv(name).map { [name: String(cString: $0)] } ?? [:] }

  /// What `--list-plugins` prints.
  static func list(_ registry: PluginRegistry) -> String {
    let width = registry.names.map(\.count).max() ?? 0
    return registry.types.map { type in
      let ids = registry.defaultIDs(type.name).map(\.description).joined(separator: ",")
      let name = type.name + String(repeating: " ", count: width - type.name.count)
      return "\(name)  \(ids.isEmpty ? "-" : ids)  \(type.summary)"
    }.joined(separator: "\n")
  }

  /// Written by hand: `stderr` of C is a variable that Swift cannot see to be safe.
  /// The journal takes the level of a line from the prefix of sd-daemon(3).
  static func complain(_ line: String, _ environment: ServiceEnvironment?) {
    let prefix = environment?.journalStream == nil ? "" : "<3>"
    let bytes = Array((prefix + line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  private static func finish(_ text: String) -> Never {
    output(text + "\n")
    exit(ExitStatus.success.rawValue)
  }

  private static func output(_ text: String) {
    do { try Program.print(text) } catch {
      complain("error: \(error)", nil)
      fail(.output, "What was asked for is not all there: write it to where there is room.")
    }
  }

  static func fail(_ error: any Error, path: String, _ environment: ServiceEnvironment, name: String) -> Never {
    let (status, what, advice) = ExitStatus.explain(error, path: path, program: name)
    complain("error: \(what)", environment)
    fail(status, advice)
  }

  /// The last line says what to do. There may be threads by now: see ``end(_:within:)``.
  static func fail(_ status: ExitStatus, _ advice: String) -> Never {
    complain(advice, nil)
    _exit(status.rawValue)
  }
}
