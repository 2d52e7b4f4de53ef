import Histogram
import ZinxIO

/// What a run has shown. The reports are made from this alone.
struct Summary: Sendable {
  struct Server: Sendable {
    /// Before the first connection.
    var before: ServerUsage
    /// At the start and at the end of the measured window.
    var start: ServerUsage
    var end: ServerUsage
  }

  var plan: Plan
  var endpoint: String
  var tally: Tally
  /// Seconds that were measured.
  var seconds: Double
  /// Seconds in which the connections were opened.
  var connectSeconds = 0.0
  /// Connections that were open when the measuring ended.
  var open = 0
  /// CPU seconds that this process used while it measured.
  var clientCPU = 0.0
  var server: Server?
  /// Ended by a signal before its time.
  var isInterrupted = false

  var messagesPerSecond: Double { seconds > 0 ? Double(tally.messages) / seconds : 0 }

  /// Bytes of replies a second, with their headers.
  var bytesPerSecond: Double {
    tally.replies > 0 ? messagesPerSecond * Double(tally.bytes) / Double(tally.replies) : 0
  }

  var connectsPerSecond: Double { connectSeconds > 0 ? Double(tally.connected) / connectSeconds : 0 }

  /// Microseconds of the server's CPU for each message: in its code, and in the kernel. Nil without messages or server.
  var serverCost: (user: Double, system: Double)? {
    guard let server, tally.messages > 0 else { return nil }
    let each = 1e6 / Double(tally.messages)
    return ((server.end.user - server.start.user) * each, (server.end.system - server.start.system) * each)
  }

  /// Bytes of memory that the server took for each open connection. Nil in churn, which has none to speak of.
  var memoryPerConnection: Double? {
    guard let server, plan.mode != .churn, open > 0 else { return nil }
    return Double(server.end.resident - server.before.resident) / Double(open)
  }

  /// What to look at when nothing was measured, nil when something was.
  var hint: String? {
    if tally.connected == 0, let error = tally.connectError {
      return "no connection: \(error.reason). See --connections and --timeout."
    }
    guard tally.replies == 0, plan.mode != .idle || !plan.isSilent else { return nil }
    if tally[.closed] + tally[.reset] > 0 {
      return
        "no reply: the server closes the connections. It may be full, refuse the size, or speak another header: see --size and --pack."
    }
    if tally.others > 0 { return "no reply, but messages with other ids: see --id, --reply-id and --pack." }
    return "no reply: does the server have a route for the id? See --id and --pack."
  }

  /// This process had no CPU time to spare, so that the figures may be its own limit and not the server's.
  var isClientBusy: Bool { seconds > 0 && clientCPU / seconds > 0.9 * Double(plan.threads) }
}

/// The figures of a histogram that reports show, in nanoseconds.
struct Latencies: Equatable {
  static let percentiles: [(name: String, value: Double)] = [("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9)]

  let count: Int
  let minimum: Double
  let mean: Double
  /// As ``percentiles``.
  let values: [Double]
  let maximum: Double

  init(_ histogram: Histogram<UInt64>) {
    count = Int(histogram.totalCount)
    minimum = Double(count == 0 ? 0 : histogram.min)
    let highest = histogram.maxRecorded
    mean = count == 0 ? 0 : min(histogram.mean, Double(highest))
    maximum = Double(highest)
    // Here and above: the histogram knows times by their bucket, whose middle and end may lie above the largest time there was.
    values = Self.percentiles.map { Double(min(histogram.valueAtPercentile($0.value), highest)) }
  }
}
