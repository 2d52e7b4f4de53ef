import ArgumentParser
import ZinxControl

struct LogCommand: ChangeCommand {
  static let configuration = CommandConfiguration(
    commandName: "log",
    abstract: "Log from this level on, until the next reload: trace, debug, info, notice, warning, error, critical.")
  @OptionGroup var options: CommonOptions
  @Argument(help: "The level.") var level: String

  @Option(help: ArgumentHelp("Only what is about this connection.", valueName: "id")) var connection: ConnectionID?
  @Option(help: ArgumentHelp("Only what is about peers in this network, such as 10.0.0.0/8.", valueName: "network"))
  var peers: String?

  func validate() throws {
    if connection != nil, peers != nil { throw ValidationError("--connection and --peers exclude each other") }
    if let peers, IPNetwork(peers) == nil { throw ValidationError("--peers takes a network such as 10.0.0.0/8") }
  }

  var subject: ControlRequest.LogSubject? {
    connection.map { .connection($0.number) } ?? peers.flatMap(IPNetwork.init).map { .peers($0) }
  }

  var request: ControlRequest.Command { .log(level: level, subject) }

  func lines(_ result: JSON) -> [String] {
    let level = result["level"]?.string ?? level
    if let subject = result["subject"]?.string {
      return ["logs what is about \(subject) from \(level) on, until the next reload"]
    }
    return ["LogLevel: \(result["before"] ?? nil) \u{2192} \(result["level"] ?? nil), until the next reload"]
  }
}
