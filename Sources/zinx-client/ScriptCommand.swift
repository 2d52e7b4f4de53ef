import ArgumentParser
import Synchronization
import ZinxClient
import ZinxIO
import ZinxWire

struct ScriptCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "script", abstract: "Hold a session that a file describes.",
    discussion: """
      A step a line: connect, send ID TEXT, send-hex ID DIGITS, expect ID [TEXT], expect-hex ID DIGITS, silence SECONDS [ID], expect-end, \
      set NAME TEXT, sleep SECONDS, timeout SECONDS, close. NAME: in front of a step is another connection. ${name} is a variable, \
      ?{name} in what is expected takes what is there. See zinx-client(1).
      """)

  @OptionGroup var server: ServerOptions

  /// Bytes of a script: more is none, such as a device that has no end.
  static let longest = 16 << 20

  @Option(name: .shortAndLong, help: "Hold so many sessions at once; ${session} is the number of each, from 1.")
  var sessions = 1

  @Option(name: .customLong("set"), help: ArgumentHelp("Set a variable.", valueName: "name=text"))
  var settings: [String] = []

  @Argument(help: "The file; - is the standard input.", completion: .file())
  var file: String

  func validate() throws {
    guard (1...10_000).contains(sessions) else { throw ValidationError("--sessions \(sessions): 1 to 10000.") }
    for setting in settings where Self.parse(setting) == nil {
      throw ValidationError("--set \(setting): a name of letters, digits and _, an equals sign, and a text.")
    }
  }

  func run() async throws {
    let script = try script()
    let report = Report(json: server.json)
    server.warn()
    let failures = Failures()
    let end = await Interrupt.race { () throws(ClientError) in
      await withTaskGroup(of: Void.self) { group in
        for number in 1...sessions { group.addTask { await hold(script, number, report, failures) } }
      }
    }
    if case .interrupted = end { throw Failure.interrupted }
    let (broken, unreachable, status) = failures.counts
    report.json("done", nil, [("sessions", .integer(sessions)), ("failed", .integer(broken + unreachable))])
    if sessions > 1 { report.human("\(sessions) sessions, \(broken + unreachable) failed") }
    if broken > 0 { throw Failure.incomplete }
    if unreachable > 0 { throw status }
  }

  private func hold(_ script: Script, _ number: Int, _ report: Report, _ failures: Failures) async {
    var variables = Dictionary(settings.compactMap(Self.parse)) { $1 }
    variables["session"] = String(number)
    let session = ScriptSession(script, server, variables) { event, message, step in
      report.json(event, message, fields(step, number))
      // Of many at once nobody could read it.
      guard sessions == 1 else { return }
      let name = step.connection.isEmpty ? "" : step.connection + " "
      let sign = event == "sent" ? ">" : "<"
      report.human(report.dimmed("\(step.line): \(name)\(sign)") + " " + (message?.summary ?? "end"))
    }
    do throws(ScriptSession.Failure) { try await session.run() } catch {
      guard !Task.isCancelled else { return }
      let place = "\(name):\(error.line)" + (sessions > 1 ? ", session \(number)" : "")
      if failures.add(error) { Output.complain("\(place): \(error.text)") }
    }
  }

  /// How a line about the script begins: the standard input has no name.
  private var name: String { file == "-" ? "standard input" : file }

  private func fields(_ step: Script.Step, _ number: Int) -> [(String, JSONLine.Value)] {
    [("line", .integer(step.line)), ("connection", .text(step.connection)), ("session", .integer(number))]
  }

  /// Throws: an exit status, having said what is wrong.
  private func script() throws -> Script {
    let bytes: [UInt8]
    do { bytes = try Input.read(file, atMost: Self.longest) } catch {
      Output.complain("\(name): \(error.reason). Name a file that can be read, or - for the standard input.")
      throw Failure.noInput
    }
    let names = Set(settings.compactMap { Self.parse($0)?.0 } + ["session"])
    do throws(Script.Mistakes) { return try Script(bytes, variables: names) } catch {
      for (line, column, text) in error.lines.prefix(50) {
        Output.complain("\(name):\(line):\(column.map { "\($0):" } ?? "") \(text)")
      }
      throw ExitCode.validationFailure
    }
  }

  private static func parse(_ setting: String) -> (String, String)? {
    guard let sign = setting.firstIndex(of: "="), Script.isName(setting[..<sign]) else { return nil }
    return (String(setting[..<sign]), String(setting[setting.index(after: sign)...]))
  }
}

/// How many sessions failed, and which of them are told.
private final class Failures: Sendable {
  private static let told = 20

  private let state = Mutex((broken: 0, unreachable: 0, status: Failure.unavailable))

  /// With the status of the first that did not reach the server.
  var counts: (broken: Int, unreachable: Int, status: ExitCode) { state.withLock { $0 } }

  /// Returns whether it is one of the first.
  func add(_ failure: ScriptSession.Failure) -> Bool {
    state.withLock { state in
      if let status = failure.status {
        if state.unreachable == 0 { state.status = status }
        state.unreachable += 1
      } else {
        state.broken += 1
      }
      return state.broken + state.unreachable <= Self.told
    }
  }
}
