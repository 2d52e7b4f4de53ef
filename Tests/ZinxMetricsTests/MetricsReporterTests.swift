import MetricsTestKit
import Synchronization
import Testing
import Zinx

@testable import ZinxMetrics

@Suite("What is handed to swift-metrics")
struct MetricsReporterTests {
  private static let counter = MetricDefinition("zinx_c", .counter, labels: ["reason"], "Things")
  private static let gauge = MetricDefinition("zinx_g", .gauge, "Level")
  private static let histogram = MetricDefinition("zinx_h_seconds", .histogram, "Times")

  private static func families(_ number: UInt64) -> [MetricFamily] {
    let values = PluginMetric.Distribution(bounds: [1], counts: [number, 1], sum: Double(number) / 2)
    return [
      MetricFamily(counter, [.init([.init("reason", "x")], .whole(number)), .init([.init("reason", "y")], .whole(0))]),
      MetricFamily(gauge, [.init([], .number(Double(number) * 2))]), MetricFamily(histogram, [.init([], .distribution(values))]),
    ]
  }

  @Test("is how much counters have grown since the report before, and how gauges stand")
  func growth() throws {
    let number = Box(3)
    let backend = TestMetrics()
    let reporter = MetricsReporter(interval: .seconds(1), factory: backend) { Self.families(number.value) }
    reporter.report()
    number.value = 10
    reporter.report()
    reporter.report()
    let counter = try backend.expectCounter("zinx_c_total", [("reason", "x")])
    #expect(counter.values == [3, 7])
    #expect(try backend.expectCounter("zinx_c_total", [("reason", "y")]).values == [])
    #expect(try backend.expectGauge("zinx_g").values == [6, 20, 20])
    #expect(try backend.expectCounter("zinx_h_seconds_count").values == [4, 7])
  }

  @Test("begins anew with what has begun anew")
  func anew() throws {
    let backend = TestMetrics()
    let number = Box(9)
    let reporter = MetricsReporter(interval: .seconds(1), factory: backend) { Self.families(number.value) }
    reporter.report()
    number.value = 2
    reporter.report()
    #expect(try backend.expectCounter("zinx_c_total", [("reason", "x")]).values == [9, 2])
  }

  @Test("are all samples of a server")
  func server() throws {
    let server = try Server(ServerConfiguration())
    let backend = TestMetrics()
    MetricsReporter(server, factory: backend).report()
    #expect(try backend.expectGauge("zinx_connections").values == [0])
    #expect(try backend.expectGauge("zinx_max_connections").values == [12000])
  }
}

/// A number that a test changes.
private final class Box: Sendable {
  private let number: Mutex<UInt64>
  var value: UInt64 {
    get { number.withLock { $0 } }
    set { number.withLock { $0 = newValue } }
  }

  init(_ value: UInt64) { number = Mutex(value) }
}
