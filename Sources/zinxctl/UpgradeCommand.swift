import ArgumentParser
import ZinxControl

/// Has another program take over, and says what happens meanwhile.
struct UpgradeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "upgrade",
    abstract: "Have the program on disk take over, with all connections: no peer notices. What cannot take over is refused.")
  @OptionGroup var options: CommonOptions

  @Flag(help: "Only ask the program on disk whether it can take over.")
  var check = false

  @Option(
    help: ArgumentHelp("Another program than the one at the path of the running one; root's.", valueName: "path"),
    completion: .file())
  var program: String?

  func run() throws {
    let conversation = try Conversation(options)
    var answer: [JSON.Member] = []
    try conversation.ask(.upgrade(.init(program: program, isTrial: check))) { members in
      if let line = JSON.object(members)["progress"]?.string {
        if !options.json { Output.print([shown(line)]) }
      } else {
        answer = members
      }
    }
    let result = JSON.object(answer)
    Output.print(options.json ? [result.description] : lines(result))
  }

  private func lines(_ result: JSON) -> [String] {
    if let words = result["words"]?.array { return words.compactMap(\.string).map { shown($0) } }
    return [
      "upgraded: version \(shown(result["version"]?.string ?? "unknown")), \(result["connections"]?.integer ?? 0) connections"
    ]
  }
}
