import ArgumentParser
import NIOCore
import ZinxClient
import ZinxWire

struct PingCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ping", abstract: "Measure how long the server takes to answer.",
    discussion: "Sends a message again and again, awaits the reply to each, and sums up at the end or on Ctrl-C.")

  @OptionGroup var server: ServerOptions

  @Option(help: "The id to send.")
  var id: UInt32 = 0

  @Option(help: "The id of the reply (default: the one sent).")
  var expectID: UInt32?

  @Option(name: .shortAndLong, help: "How many to send; 0 means until Ctrl-C.")
  var count = 0

  @Option(name: .shortAndLong, help: "Seconds from one to the next.")
  var interval = 1.0

  @Option(help: "The data to send.")
  var data = "ping"

  func validate() throws {
    guard count >= 0 else { throw ValidationError("--count \(count): 0 or more.") }
    guard (0.001...86_400).contains(interval) else { throw ValidationError("--interval \(interval): 0.001 to 86400 seconds.") }
  }

  func run() async throws {
    let report = Report(json: server.json)
    let client = try await server.connect()
    report.human("PING \(server.endpoint) (\(server.pack.rawValue)) id \(id), \(data.utf8.count) bytes of data")
    let pinger = Pinger(
      client, report, id: id, replyID: expectID ?? id, data: ByteBuffer(string: data), timeout: .seconds(server.timeout))
    let end = await ping(pinger)
    await summarize(pinger.run, after: pinger.elapsed, report)
    if case .failed(let error) = end {
      throw Failure.broken(server.endpoint, error, hasReceived: await pinger.run.received > 0)
    }
    await client.close()
    guard await pinger.run.isComplete else { throw Failure.incomplete }
  }

  /// Returns at the end of the run, on Ctrl-C, or when the connection breaks.
  private func ping(_ pinger: Pinger) async -> Interrupt.End {
    let (count, interval) = (count == 0 ? nil : count, Duration.seconds(interval))
    return await Interrupt.race { () throws(ClientError) in
      try await pinger.sendAll(count, interval: interval)
    } beside: { () throws(ClientError) in
      try await pinger.receiveAll()
      throw .closed(.closedByPeer)
    }
  }

  private func summarize(_ run: PingRun, after time: Duration, _ report: Report) {
    let trips = run.roundTrips
    var fields: [(String, JSONLine.Value)] = [
      ("sent", .integer(run.sent)), ("received", .integer(run.received)), ("loss_percent", .number(run.loss)),
      ("duration_ms", .number(time / .milliseconds(1))),
    ]
    if trips.count > 0 {
      fields += [
        ("rtt_min_ms", .number(trips.minimum)), ("rtt_avg_ms", .number(trips.mean)), ("rtt_max_ms", .number(trips.maximum)),
        ("rtt_mdev_ms", .number(trips.deviation)),
      ]
    }
    report.json("summary", nil, fields)
    report.human("--- \(server.endpoint) ping statistics ---")
    let counts = "\(run.sent) sent, \(run.received) received, \(percent(run.loss)) loss, time \(Int(time / .milliseconds(1))) ms"
    report.human(run.isComplete ? counts : report.bad(counts))
    guard trips.count > 0 else { return }
    let times = [trips.minimum, trips.mean, trips.maximum, trips.deviation].map(decimal).joined(separator: "/")
    report.human("rtt min/avg/max/mdev = \(times) ms")
  }
}

/// With one decimal where there is something to show: `0%`, `33.3%`.
private func percent(_ number: Double) -> String {
  let tenths = Int((number * 10).rounded())
  return tenths.isMultiple(of: 10) ? "\(tenths / 10)%" : "\(tenths / 10).\(tenths % 10)%"
}
