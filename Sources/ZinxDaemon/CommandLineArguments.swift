import ArgumentParser
import Logging

/// The command line of every daemon built from this library.
struct CommandLineArguments: ParsableArguments {
  @Option(name: .customLong("config"), help: ArgumentHelp("The configuration file.", valueName: "path"))
  var configurationPath: String?

  @Flag(help: "Check the configuration and exit.")
  var check = false

  @Flag(help: "Print the effective configuration as JSON and exit.")
  var printConfig = false

  @Flag(help: "List the plugins that are compiled in and exit.")
  var listPlugins = false

  @Option(help: ArgumentHelp("Log from this level on.", valueName: "level"))
  var logLevel: Logger.Level?

  @Flag(help: "Print the version and exit.")
  var version = false
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
