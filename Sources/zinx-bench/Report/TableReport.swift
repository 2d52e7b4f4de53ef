import ZinxIO

/// A summary as lines for people.
struct TableReport {
  let summary: Summary

  var lines: [String] {
    ["\(summary.endpoint): \(summary.plan.title)", measured, ""]
      + rows.map { name, text in
        name + String(repeating: " ", count: max(1, 15 - name.count)) + text
      }
  }

  private var measured: String {
    let warmUp = summary.plan.warmUp > 0 ? " after \(Quantity.time(Double(summary.plan.warmUp))) of warm-up" : ""
    return "measured for \(Quantity.time(summary.seconds * 1e9))\(warmUp)\(summary.isInterrupted ? ", interrupted" : "")"
  }

  private var rows: [(String, String)] {
    var rows: [(String, String)] = []
    if summary.plan.mode != .idle { rows.append(("messages", messages)) }
    rows += latencies("latency", Latencies(summary.tally.latency))
    rows += latencies("connect", Latencies(summary.tally.connectLatency))
    if summary.plan.mode != .churn { rows.append(("connections", connections)) }
    if summary.tally.others > 0 {
      rows.append(("others", "\(Quantity.grouped(summary.tally.others)) messages that are no replies"))
    }
    if let server = summary.server { rows += self.server(server) }
    rows.append(("client", client))
    return rows + errors
  }

  private var messages: String {
    let rate = Quantity.grouped(Int(summary.messagesPerSecond.rounded()))
    let bytes = Quantity.decimal(summary.bytesPerSecond / 1e6, 1)
    return "\(Quantity.grouped(summary.tally.messages)), \(rate) a second, \(bytes) MB/s"
  }

  private func latencies(_ name: String, _ times: Latencies) -> [(String, String)] {
    guard times.count > 0 else { return [] }
    let parts = zip(Latencies.percentiles, times.values).map { "\($0.name) \(Quantity.time($1))" }
    return [(name, (parts + ["max \(Quantity.time(times.maximum))"]).joined(separator: "  "))]
  }

  private var connections: String {
    let rate = summary.connectSeconds > 0 ? ", opened at \(Quantity.grouped(Int(summary.connectsPerSecond))) a second" : ""
    return "\(Quantity.grouped(summary.open)) of \(Quantity.grouped(summary.plan.connections)) open\(rate)"
  }

  private func server(_ server: Summary.Server) -> [(String, String)] {
    var rows: [(String, String)] = []
    if let cost = summary.serverCost, summary.plan.mode != .idle {
      let (user, system) = (Quantity.decimal(cost.user, 2), Quantity.decimal(cost.system, 2))
      rows.append(("server CPU", "\(Quantity.decimal(cost.user + cost.system, 2)) µs a message: user \(user), system \(system)"))
    }
    let each = summary.memoryPerConnection.map { ", \(Quantity.memory($0)) a connection" } ?? ""
    let (now, peak) = (Quantity.memory(Double(server.end.resident)), Quantity.memory(Double(server.end.peak)))
    rows.append(("server memory", "\(now), at most \(peak)\(each)"))
    return rows
  }

  private var client: String {
    let share = summary.seconds > 0 ? summary.clientCPU / summary.seconds * 100 : 0
    let text = "\(Quantity.decimal(share, 0)) % of a CPU"
    return summary.isClientBusy ? text + ": it may be the limit itself, see --threads" : text
  }

  private var errors: [(String, String)] {
    let counts = Fault.allCases.filter { summary.tally[$0] > 0 }.map { fault in
      let reason = fault == .connect ? summary.tally.connectError.map { ": \($0.reason)" } ?? "" : ""
      return "\(Quantity.grouped(summary.tally[fault])) \(fault.text)\(reason)"
    }
    guard !counts.isEmpty else { return [("errors", "none")] }
    return counts.map { ("errors", $0) }
  }
}
