import ArgumentParser
import ZinxClient
import ZinxWire

struct ListenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "listen", abstract: "Print every message that arrives.",
    discussion: "Until Ctrl-C, --count, or the server closes the connection.")

  @OptionGroup var server: ServerOptions

  @Flag(help: "Connect again when the connection is lost, after a growing pause.")
  var reconnect = false

  @Option(name: .shortAndLong, help: "End after so many messages; 0 means never.")
  var count = 0

  func validate() throws {
    guard count >= 0 else { throw ValidationError("--count \(count): 0 or more.") }
  }

  func run() async throws {
    let report = Report(json: server.json)
    if reconnect { await listenAgainAndAgain(report) } else { try await listenOnce(report) }
  }

  private func listenOnce(_ report: Report) async throws {
    let client = try await server.connect()
    report.json("connected")
    report.human(report.dimmed("connected to \(server.endpoint)"))
    let end = await Interrupt.race { () throws(ClientError) in
      var left = count
      for try await message in client.messages {
        show(message, report)
        left -= 1
        if left == 0 { return }
      }
      guard case .closed(let reason) = client.state else { throw .closed(.closedByPeer) }
      throw .closed(reason)
    }
    switch end {
    case .done, .interrupted: await client.close()
    case .failed(.closed(let reason)) where count == 0 && reason.isOrderly:
      report.json("disconnected", nil, [("reason", .text("\(reason)"))])
      report.human(report.dimmed("\(reason)"))
    case .failed(let error): throw Failure.broken(server.endpoint, error, hasReceived: true)
    }
  }

  private func listenAgainAndAgain(_ report: Report) async {
    server.warn()
    let client = ReconnectingClient(to: server.choice.server, configuration: server.configuration)
    _ = await Interrupt.race { () throws(ClientError) in
      var left = count
      await client.run { event in
        switch event {
        case .connected:
          // What comes of it shows in what comes next: the connection ends, or messages arrive.
          try? await server.begin(on: client)
          report.json("connected")
          report.human(report.dimmed("connected to \(server.endpoint)"))
        case .message(let message):
          guard count == 0 || left > 0 else { return }
          show(message, report)
          left -= 1
          if left == 0 { await client.close() }
        case .disconnected(let error, let delay): show(error, retryIn: delay, report)
        }
      }
    }
  }

  private func show(_ message: Message, _ report: Report) {
    report.json("message", message)
    report.human(report.dimmed(Report.clock()) + " " + message.summary)
  }

  private func show(_ error: ClientError, retryIn delay: Duration?, _ report: Report) {
    guard let delay else { return }
    report.json("disconnected", nil, [("reason", .text("\(error)")), ("retry_in_ms", .number(delay / .milliseconds(1)))])
    report.human(report.bad("\(error)") + report.dimmed("; next attempt in \(decimal(delay / .seconds(1))) s"))
  }
}
