import ArgumentParser
import Glibc
import ZinxControl

/// A command that changes what runs, and says in a line or two what it did.
protocol ChangeCommand: ParsableCommand {
  var options: CommonOptions { get }
  var request: ControlRequest.Command { get }
  func lines(_ result: JSON) -> [String]
}

extension ChangeCommand {
  func run() throws {
    let result = try Conversation(options).ask(request)
    Output.print(options.json ? [result.description] : lines(result))
  }
}

struct CloseCommand: ParsableCommand {
  /// More than these are asked about, at a terminal.
  private static let askedAbove: Int64 = 10

  static let configuration = CommandConfiguration(
    commandName: "close", abstract: "End connections, with reason killed: what is queued for them leaves first.")
  @OptionGroup var options: CommonOptions
  @Argument(help: "Their ids.") var ids: [ConnectionID] = []

  @Option(
    name: .customLong("where"), help: ArgumentHelp("Those of which this is true, such as 'idle > 5m'.", valueName: "expr"))
  var filter: Filter?

  @Flag(help: "At once: what is queued for them is dropped, and handlers that wait are cancelled.")
  var now = false

  @Flag(help: "Do not ask, however many they are.")
  var yes = false

  func validate() throws {
    if ids.isEmpty == (filter == nil) { throw ValidationError("close takes either ids or --where") }
  }

  func run() throws {
    let conversation = try Conversation(options)
    let target: ControlRequest.Closing.Target = if let filter { .matching(filter) } else { .ids(ids.map(\.number)) }
    if !yes, isatty(STDIN_FILENO) == 1 {
      let trial = try conversation.ask(.close(.init(target, atOnce: now, isTrial: true)))
      let count = trial["closed"]?.integer ?? 0
      if count > Self.askedAbove, !Output.ask("Close \(count) connections?") {
        Output.complain("nothing was closed")
        throw Failure.refused
      }
    }
    let result = try conversation.ask(.close(.init(target, atOnce: now)))
    let missing = result["missing"]?.array ?? []
    Output.print([options.json ? result.description : "closed \(result["closed"]?.integer ?? 0)\(Self.ending(result))"])
    guard !missing.isEmpty else { return }
    Output.complain("there is no connection \(missing.map(\.description).joined(separator: ", "))")
    throw Failure.refused
  }
}

extension CloseCommand {
  /// Those that somebody has closed before.
  static func ending(_ result: JSON) -> String {
    guard let count = result["ending"]?.integer, count > 0 else { return "" }
    return ", \(count) \(count == 1 ? "was" : "were") ending already"
  }

  /// In a line, what has gone among it.
  static func summary(_ result: JSON) -> String {
    let missing = result["missing"]?.array ?? []
    let gone = missing.isEmpty ? "" : ", there is no connection \(missing.map(\.description).joined(separator: ", "))"
    return "closed \(result["closed"]?.integer ?? 0)\(ending(result))\(gone)"
  }
}

struct ResumeCommand: ChangeCommand {
  static let configuration = CommandConfiguration(commandName: "resume", abstract: "Accept again.")
  @OptionGroup var options: CommonOptions
  var request: ControlRequest.Command { .resume }
  func lines(_ result: JSON) -> [String] { ["accepts again"] }
}

struct ReloadCommand: ChangeCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload", abstract: "Read the configuration again, and wait until it is in force.")
  @OptionGroup var options: CommonOptions
  var request: ControlRequest.Command { .reload }

  func lines(_ result: JSON) -> [String] {
    func list(_ key: String) -> [String] { (result[key]?.array ?? []).compactMap(\.string) }
    let applied = list("applied").map { "took effect: \($0)" }
    return list("warnings").map { "warning: \($0)" } + (applied.isEmpty ? ["nothing changed"] : applied)
      + list("needsRestart").map { "needs a restart: \($0)" }
  }
}

struct SetCommand: ChangeCommand {
  static let configuration = CommandConfiguration(
    commandName: "set", abstract: "Set an option until the next reload, such as MaxConn; status shows which are set.")
  @OptionGroup var options: CommonOptions
  @Argument(help: "The key, as in zinx.json.") var key: String
  @Argument(help: "The value, as in zinx.json; a text needs no quotes.") var value: String

  /// What is no JSON is a text.
  var request: ControlRequest.Command {
    .set(key: key, value: (try? JSON(parsing: value.utf8)) ?? .string(value))
  }

  func lines(_ result: JSON) -> [String] {
    let (before, now) = (result["before"] ?? nil, result["value"] ?? nil)
    let end = result["ending"]?.bool == true ? "the daemon ends" : "the next reload"
    return ["\(result["key"]?.string ?? key): \(before) \u{2192} \(now), until \(end)"]
  }
}
