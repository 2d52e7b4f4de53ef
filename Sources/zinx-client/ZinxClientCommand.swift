import ArgumentParser
import ZinxIO
import ZinxWire

@main
struct ZinxClientCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "zinx-client",
    abstract: "Talk to a Zinx server.",
    discussion: "Exit status: \(Failure.meanings.map { "\($0) \($1)" }.joined(separator: ", ")).",
    version: zinxVersion,
    subcommands: [PingCommand.self, SendCommand.self, ListenCommand.self, ScriptCommand.self])

  static func main() async {
    Program.keepStreams()
    Interrupt.start()
    do {
      var command = try parseAsRoot(Program.arguments)
      guard var command = command as? any AsyncParsableCommand else { return try command.run() }
      guard Program.hasProc else { throw Failure.noProc() }
      try await command.run()
    } catch { Output.end(error) }
  }
}
