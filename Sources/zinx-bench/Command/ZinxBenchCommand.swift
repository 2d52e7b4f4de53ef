import ArgumentParser
import Glibc
import ZinxClient
import ZinxIO
import ZinxWire

@main
struct ZinxBenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "zinx-bench",
    abstract: "Measure a Zinx server under load.",
    discussion: """
      Without --rate, --churn and --idle every connection keeps --in-flight requests outstanding (closed loop). With --rate, requests \
      are due at a fixed rate, and their latency counts from the moment they were due, so that a server that stalls cannot hide it.

      Ctrl-C ends a run early, with its report. Exit status: \(Failure.meanings.map { "\($0) \($1)" }.joined(separator: ", ")).
      """,
    version: zinxVersion)

  @OptionGroup(title: "Server") var server: ServerOptions
  @OptionGroup(title: "Load") var load: LoadOptions

  @Option(help: "Report CPU time and memory of this process, the server.")
  var serverPID: Int32?

  @Flag(help: "Print the report as one JSON object.")
  var json = false

  @Flag(name: .shortAndLong, help: "Do not show progress.")
  var quiet = false

  static func main() {
    Program.keepStreams()
    do {
      var command = try parseAsRoot(Program.arguments)
      try command.run()
    } catch { Output.end(error) }
  }

  func validate() throws {
    if let serverPID, serverPID < 1 { throw ValidationError("--server-pid \(serverPID): the number of a process.") }
    _ = try plan()
  }

  func plan() throws -> Plan { try load.plan(for: server) }

  func run() throws {
    let plan = try plan()
    try Target.makeRoom(for: plan.connections)
    if let serverPID, ServerUsage.of(pid: serverPID) == nil {
      throw Failure.unavailable("there is no process \(serverPID) that may be looked at. See --server-pid.")
    }
    let choice = server.choice
    if choice.isInsecure { Output.complain(ServerChoice.warning) }
    let transport: Transport
    do throws(HandshakeFault) { transport = try Transport(choice.server, choice.tls) } catch {
      throw Failure.unavailable("cannot connect to \(choice.server): \(error). See --ca, --cert and --key.")
    }
    let address = try Target.address(of: choice, transport, timeout: plan.timeout)
    Signals.block()
    var run = Run(plan, address, transport, serverPID: serverPID, isQuiet: quiet)
    let summary: Summary
    do throws(SystemError) { summary = try run.perform(endpoint: transport.isPlain ? "\(address)" : "\(choice.server)") } catch {
      throw Failure.unavailable("\(error). See --threads.")
    }
    if json {
      Output.line(JSONReport(summary: summary).text)
    } else {
      for line in TableReport(summary: summary).lines { Output.line(line) }
    }
    if let hint = summary.hint { Output.complain(hint) }
    if summary.tally.errors > 0 { throw Failure.incomplete }
  }
}
