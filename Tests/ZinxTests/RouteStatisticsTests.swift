import NIOCore
import Testing

@testable import Zinx

@Suite struct `A histogram of times` {
  @Test func `has no quantile without a time`() {
    #expect(LatencyHistogram().quantile(0.5) == nil && LatencyHistogram().latency == nil)
  }

  @Test(arguments: [0, 1, 7, 8, 9, 15, 16, 17, 1000, 999_999, 1_000_000, 1 << 40, UInt64.max] as [UInt64])
  func `has a class for each, an eighth wide at most`(nanoseconds: UInt64) {
    let index = LatencyHistogram.index(of: nanoseconds)
    let last = LatencyHistogram.last(of: index)
    #expect(last >= nanoseconds && last - nanoseconds <= nanoseconds / 8)
    #expect(index == 0 || LatencyHistogram.last(of: index - 1) < nanoseconds)
  }

  @Test func `says what half, and 99 of 100, did not exceed, and the longest as it was`() throws {
    var histogram = LatencyHistogram()
    for time in 1...1000 { histogram.record(Int64(time) * 1000) }
    let latency = try #require(histogram.latency)
    #expect(latency.count == 1000 && latency.sum == .microseconds(500_500))
    #expect((Duration.microseconds(500) ... .microseconds(563)).contains(latency.median))
    #expect((Duration.microseconds(990) ... .microseconds(1000)).contains(latency.p99))
    #expect(latency.longest == .microseconds(1000))
  }

  @Test func `counts many at once, and a clock that went back as no time`() {
    var histogram = LatencyHistogram()
    histogram.record(100, times: 98)
    histogram.record(-5)
    histogram.record(9000)
    #expect(histogram.count == 100 && histogram.sum == 18_800)
    #expect(histogram.quantile(0.005) == 0 && histogram.quantile(0.5) == 103 && histogram.quantile(1) == 9000)
  }

  @Test func `does not overflow`() {
    var histogram = LatencyHistogram()
    for _ in 0..<3 { histogram.record(.max, times: 5) }
    #expect(histogram.sum == .max && histogram.quantile(0.5) == UInt64(Int64.max))
  }
}

@Suite struct `The statistics of a route` {
  @Test func `are estimated from samples, but for failures`() {
    let statistics = RouteStatistics()
    statistics.sampled(messages: 3)
    statistics.countFailure()
    statistics.handled(from: 1000, to: 3000)
    statistics.waited(3, from: 0, to: 500)
    let info = statistics.info(.id(7), "chat")
    #expect(info.messages == 3 * 67 && info.failures == 1)
    #expect(
      info.handling
        == Latency(
          count: 1, sum: .nanoseconds(2000), median: .nanoseconds(2000), p99: .nanoseconds(2000), longest: .nanoseconds(2000)))
    #expect(info.queueing?.count == 3 && info.queueing?.sum == .nanoseconds(1500))
  }

  @Test func `are summaries among the metrics, of routes that have samples`() {
    var reading = ServerReading(counters: Counters().snapshot)
    let second = Duration.seconds(1)
    reading.routes = [
      RouteInfo(
        ids: 7, plugin: "chat", messages: 67, failures: 2,
        handling: Latency(count: 4, sum: .seconds(6), median: second, p99: .seconds(2), longest: .milliseconds(2500))),
      RouteInfo(ids: .otherwise, plugin: "server"),
    ]
    let lines = OpenMetrics.text(reading.families).split(separator: "\n").filter { $0.contains("zinx_route_") }
    #expect(
      lines.filter { !$0.hasPrefix("#") } == [
        #"zinx_route_messages_total{ids="7",plugin="chat"} 67"#, #"zinx_route_messages_total{ids="*",plugin="server"} 0"#,
        #"zinx_route_failures_total{ids="7",plugin="chat"} 2"#, #"zinx_route_failures_total{ids="*",plugin="server"} 0"#,
        #"zinx_route_handler_seconds{ids="7",plugin="chat",quantile="0.5"} 1.0"#,
        #"zinx_route_handler_seconds{ids="7",plugin="chat",quantile="0.99"} 2.0"#,
        #"zinx_route_handler_seconds{ids="7",plugin="chat",quantile="1.0"} 2.5"#,
        #"zinx_route_handler_seconds_count{ids="7",plugin="chat"} 4"#,
        #"zinx_route_handler_seconds_sum{ids="7",plugin="chat"} 6.0"#,
      ])
    #expect(lines.contains("# TYPE zinx_route_handler_seconds summary"))
  }
}
