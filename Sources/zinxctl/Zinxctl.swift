import ArgumentParser
import ZinxControl
import ZinxIO
import ZinxWire

@main
struct Zinxctl: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "zinxctl",
    abstract: "See and steer a running zinxd.",
    usage: "zinxctl [--socket <path>] <command> [--json]",
    discussion: """
      A filter (--where) compares fields of connections: idle > 5m, peer in 10.0.0.0/8, user == "u42", joined by &&, || and !, with \
      parentheses. zinxctl(1) has the fields.
      Exit status: \(Failure.meanings.map { "\($0) \($1)" }.joined(separator: ", ")).
      """,
    version: zinxVersion,
    subcommands: [
      StatusCommand.self, HealthCommand.self, ConnectionsCommand.self, ShowCommand.self, ClosedCommand.self, UsersCommand.self,
      GroupsCommand.self, PluginsCommand.self, RoutesCommand.self, TraceCommand.self, SendCommand.self, BroadcastCommand.self,
      CloseCommand.self,
      DrainCommand.self, ResumeCommand.self, ReloadCommand.self, SetCommand.self, LogCommand.self, UpgradeCommand.self,
    ])

  static func main() {
    Program.keepStreams()
    do {
      let arguments = commandFirst(Program.arguments)
      try checkCommand(arguments.first)
      var command = try parseAsRoot(numbersLast(arguments))
      try command.run()
    } catch { Output.end(error) }
  }

  /// The options of all commands may stand in front of the command, where the parser looks for those of this one alone.
  static func commandFirst(_ arguments: [String]) -> [String] {
    var (rest, front) = (arguments[...], [String]())
    while let argument = rest.first, argument == "--json" || argument == "--socket" || argument.hasPrefix("--socket=") {
      let count = argument == "--socket" ? 2 : 1
      front += rest.prefix(count)
      rest = rest.dropFirst(count)
    }
    return rest.prefix(1) + front + rest.dropFirst()
  }

  /// Names a command that there is not: the parser would take offence at what stands behind it.
  static func checkCommand(_ name: String?) throws {
    guard let name, !name.hasPrefix("-"), name != "help" else { return }
    let names = configuration.subcommands.map { $0._commandName }
    guard !names.contains(name) else { return }
    throw ValidationError("there is no command \(shown(name)); there are \(names.joined(separator: ", "))")
  }

  /// Options without a value, which may stand in front of one that is none of theirs.
  private static let flags: Set = ["--json", "--now", "--yes", "--close", "--check", "--watch"]

  /// A number below zero is a value and no option: whoever writes one hears what is wrong with it. It and the values behind it go to the end,
  /// behind the mark that no options follow.
  static func numbersLast(_ arguments: [String]) -> [String] {
    var (options, values) = ([String](), [String]())
    for (index, argument) in arguments.enumerated() {
      if argument == "--" { return options + ["--"] + values + arguments[(index + 1)...] }
      let before = index > 0 ? arguments[index - 1] : ""
      let isOfOption = before.hasPrefix("--") && !before.contains("=") && !flags.contains(before)
      let isValue = isNegative(argument) || !values.isEmpty && !argument.hasPrefix("-")
      if isValue, !isOfOption { values.append(argument) } else { options.append(argument) }
    }
    return values.isEmpty ? options : options + ["--"] + values
  }

  private static func isNegative(_ argument: String) -> Bool {
    argument.hasPrefix("-") && argument.dropFirst().first.map { $0.isASCII && $0.isNumber } ?? false
  }
}

/// The options of all commands.
struct CommonOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The control socket. Without it, that of the service: /run/zinxd/control.sock, or /run/zinxd-control.sock.",
      valueName: "path"),
    completion: .file())
  var socket: String?

  @Flag(help: "Print JSON: one value, the same for every version of the protocol.")
  var json = false
}
