import ArgumentParser
import Logging
import Synchronization

/// The command line of every daemon built from this library.
struct CommandLineArguments: ParsableCommand {
  /// The command's name, in its help and its completion scripts: the library does not know what daemon it is in.
  static var commandName: String {
    get { storedName.withLock { $0 } }
    set { storedName.withLock { $0 = newValue } }
  }
  private static let storedName = Mutex("zinxd")

  static var configuration: CommandConfiguration { CommandConfiguration(commandName: commandName) }

  @Option(
    name: .customLong("config"), help: ArgumentHelp("The configuration file.", valueName: "path"),
    completion: .file(extensions: ["json"]))
  var configurationPath: String?

  @Flag(help: "Check the configuration and exit.")
  var check = false

  @Flag(help: "Print the effective configuration as JSON and exit.")
  var printConfig = false

  @Option(
    name: .customLong("import"),
    help: ArgumentHelp(
      "Print a file of Go Zinx as one of this daemon, tell what became of its keys, and exit.", valueName: "path"),
    completion: .file(extensions: ["json"]))
  var importedPath: String?

  @Flag(help: "List the plugins that are compiled in and exit.")
  var listPlugins = false

  @Option(help: ArgumentHelp("Log from this level on.", valueName: "level"))
  var logLevel: Logger.Level?

  @Flag(help: "Ask the running service to reload, and exit when the new configuration is in force.")
  var reload = false

  @Flag(help: .hidden)
  var checkHandover = false

  @Option(help: .hidden)
  var manual: ManualSection?

  @Flag(help: "Print the version and exit.")
  var version = false

  /// Whether there is something to answer instead of a server to run.
  var isQuestion: Bool { check || printConfig || listPlugins || reload || manual != nil || importedPath != nil || version }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
