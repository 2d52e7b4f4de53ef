import ArgumentParser
import Glibc
import ZinxControl
import ZinxIO

struct DrainCommand: ParsableCommand {
  /// Between two looks at how many are left.
  private static let pace = Duration.milliseconds(250)

  static let configuration = CommandConfiguration(
    commandName: "drain", abstract: "Accept nobody any more, until resume: who comes waits in the kernel's backlog.")
  @OptionGroup var options: CommonOptions

  @Flag(help: "End all connections too, each when it has its answers.")
  var close = false

  @Option(
    help: ArgumentHelp("End them one after the other over this time, such as 5m, and wait until they have.", valueName: "time"))
  var spread: String?

  @Option(help: ArgumentHelp("Cut what is left after this time, and wait until it is over.", valueName: "time"))
  var deadline: String?

  func validate() throws {
    for text in [spread, deadline].compactMap(\.self) where ControlRequest.Draining.seconds(text) == nil {
      throw ValidationError("--spread and --deadline take a time such as 30s, at most a day")
    }
  }

  var draining: ControlRequest.Draining {
    .init(
      closing: close || spread != nil || deadline != nil, spread: spread.flatMap(ControlRequest.Draining.seconds),
      deadline: deadline.flatMap(ControlRequest.Draining.seconds))
  }

  /// Whether it stays until no connection is left: where somebody looks on, or has said how long that takes.
  private var waits: Bool {
    spread != nil || deadline != nil || close && !options.json && StyledLine.isShown(on: STDOUT_FILENO)
  }

  func run() throws {
    let conversation = try Conversation(options)
    let result = try conversation.ask(.drain(draining))
    let count = result["connections"]?.integer ?? 0
    if options.json { Output.print([result.description]) } else { Output.print([Self.line(count, closing: draining.closing)]) }
    guard waits else { return }
    try wait(conversation, count)
  }

  private func wait(_ conversation: Conversation, _ count: Int64) throws {
    let shows = !options.json && StyledLine.isShown(on: STDERR_FILENO)
    let (begin, pause) = (ContinuousClock.now, Parker())
    while true {
      let status = try conversation.ask(.status)
      let left = (status["connections"]?.integer ?? 0) + (status["arriving"]?.integer ?? 0)
      if shows { Output.progress(left == 0 ? "" : Self.progress(left, of: count, after: .now - begin)) }
      guard status["draining"]?.bool == true else {
        Output.complain("somebody has had it accept again; \(Words.connections(left)) left")
        throw Failure.refused
      }
      if left == 0 { break }
      _ = pause.park(atMost: Self.pace)
    }
    if !options.json { Output.print(["every connection has ended, after \(Table.duration((.now - begin) / .seconds(1)))"]) }
  }

  static func line(_ count: Int64, closing: Bool) -> String {
    let verb = closing ? count == 1 ? "is ending" : "are ending" : count == 1 ? "stays" : "stay"
    return "accepts nobody any more; \(Words.connections(count)) \(verb)"
  }

  /// `12 of 100 connections left, after 8s; Ctrl-C leaves it going on`.
  static func progress(_ left: Int64, of count: Int64, after time: Duration) -> String {
    "\(left) of \(Words.connections(max(left, count))) left, after \(Table.duration(time / .seconds(1))); Ctrl-C leaves it going on"
  }
}
