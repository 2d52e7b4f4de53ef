import ArgumentParser
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
      GroupsCommand.self, PluginsCommand.self, RoutesCommand.self, CloseCommand.self, DrainCommand.self, ResumeCommand.self,
      ReloadCommand.self, SetCommand.self, LogCommand.self,
    ])

  static func main() {
    Program.keepStreams()
    do {
      var command = try parseAsRoot(commandFirst(Program.arguments))
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
