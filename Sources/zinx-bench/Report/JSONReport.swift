import ZinxWire

/// A summary as one JSON object. Times are in microseconds, sizes in bytes; what was not measured is null.
struct JSONReport {
  let summary: Summary

  var text: String { JSON.object(head + figures).text }

  private var head: [(String, JSON)] {
    let plan = summary.plan
    return [
      ("mode", .text(plan.mode.rawValue)), ("endpoint", .text(summary.endpoint)), ("pack", .text(plan.pack.rawValue)),
      ("connections", .integer(plan.connections)), ("speakers", .integer(plan.speakers)), ("in_flight", .integer(plan.inFlight)),
      ("size", .integer(plan.size)), ("id", .integer(Int(plan.id))), ("threads", .integer(plan.threads)),
      ("rate", plan.rate.map { .number($0, places: 3) } ?? .null), ("seconds", .number(summary.seconds, places: 6)),
      ("interrupted", .flag(summary.isInterrupted)),
    ]
  }

  private var figures: [(String, JSON)] {
    let tally = summary.tally
    return [
      ("messages", .integer(tally.messages)), ("messages_per_s", .number(summary.messagesPerSecond, places: 1)),
      ("bytes_per_s", .number(summary.bytesPerSecond, places: 0)), ("latency_us", latencies(Latencies(tally.latency))),
      ("connected", .integer(tally.connected)), ("open", .integer(summary.open)),
      ("connect_s", .number(summary.connectSeconds, places: 6)),
      ("connects_per_s", .number(summary.connectsPerSecond, places: 1)),
      ("connect_us", latencies(Latencies(tally.connectLatency))), ("others", .integer(tally.others)),
      ("errors", .integer(tally.errors)),
      ("errors_by_kind", .object(Fault.allCases.map { ($0.name, .integer(tally[$0])) })),
      ("client_cpu_s", .number(summary.clientCPU, places: 3)), ("server", server),
    ]
  }

  private func latencies(_ times: Latencies) -> JSON {
    guard times.count > 0 else { return .null }
    func microseconds(_ nanoseconds: Double) -> JSON { .number(nanoseconds / 1e3, places: 3) }
    return .object(
      [("min", microseconds(times.minimum)), ("mean", microseconds(times.mean))]
        + zip(Latencies.percentiles, times.values).map { ($0.name, microseconds($1)) } + [("max", microseconds(times.maximum))])
  }

  private var server: JSON {
    guard let server = summary.server else { return .null }
    let cost = summary.serverCost
    func number(_ value: Double?) -> JSON { value.map { .number($0, places: 4) } ?? .null }
    return .object([
      ("user_s", .number(server.end.user - server.start.user, places: 2)),
      ("system_s", .number(server.end.system - server.start.system, places: 2)),
      ("us_per_message", number(cost.map { $0.user + $0.system })), ("user_us_per_message", number(cost?.user)),
      ("system_us_per_message", number(cost?.system)), ("rss_before", .integer(server.before.resident)),
      ("rss", .integer(server.end.resident)), ("rss_peak", .integer(server.end.peak)),
      ("rss_per_connection", summary.memoryPerConnection.map { .number($0, places: 1) } ?? .null),
    ])
  }
}
