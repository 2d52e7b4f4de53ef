import ArgumentParser
import ZinxWire

@main
struct ZinxClientCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "zinx-client",
    abstract: "Talk to a Zinx server.",
    discussion: """
      Exit status: 0 done, 1 a reply is missing or the connection broke, 64 wrong usage, 66 a file cannot be read, 69 the server \
      cannot be reached.
      """,
    version: zinxVersion,
    subcommands: [PingCommand.self, SendCommand.self, ListenCommand.self])

  static func main() async {
    Interrupt.start()
    await main(nil)
  }
}
