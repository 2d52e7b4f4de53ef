import CoreMetrics
import Synchronization
import Zinx

/// Hands what a server counts to a backend of swift-metrics, now and then.
///
/// <!-- in: func report(_ server: Server) async throws { … } -->
/// ```swift
/// let reporter = MetricsReporter(server, interval: .seconds(15))
/// try await reporter.run()
/// ```
///
/// The server counts for itself, whoever reads: a message costs nothing more for this, and what the backend sees is as old as the last
/// report. The names are those of the table in <doc:Metrics>: counters with `_total`, gauges as they are. A histogram is handed over as
/// two counters, `_count` and `_sum`, since swift-metrics takes single values, which nobody has kept; so is a summary, with a gauge for
/// each of its quantiles.
public final class MetricsReporter: Sendable {
  private struct Key: Hashable {
    let name: String
    let labels: [MetricFamily.Label]
  }

  /// What the backend knows, and how much of it has been told.
  private struct Known {
    var counters: [Key: (counter: Counter, told: UInt64)] = [:]
    var sums: [Key: (counter: FloatingPointCounter, told: Double)] = [:]
    var gauges: [Key: Gauge] = [:]
  }

  private let families: @Sendable () -> [MetricFamily]
  private let interval: Duration
  private let factory: any MetricsFactory
  private let known = Mutex(Known())

  /// - Parameters:
  ///   - interval: between two reports, more than zero.
  ///   - factory: the backend; by default the one that the program has chosen (`MetricsSystem.bootstrap(_:)`).
  public convenience init(
    _ server: Server, interval: Duration = .seconds(10), factory: any MetricsFactory = MetricsSystem.factory
  ) {
    self.init(interval: interval, factory: factory) { server.metrics }
  }

  init(interval: Duration, factory: any MetricsFactory, families: @escaping @Sendable () -> [MetricFamily]) {
    precondition(interval > .zero, "an interval has to be more than zero")
    (self.interval, self.factory, self.families) = (interval, factory, families)
  }

  /// Reports until its task is cancelled, at once and then after each interval, and once more at the end. Throws nothing but the
  /// `CancellationError` of that.
  public func run() async throws {
    defer { report() }
    while true {
      report()
      try await Task.sleep(for: interval)
    }
  }

  /// Reports now. Any thread.
  public func report() {
    let families = families()
    known.withLock { known in
      for family in families { for sample in family.samples { tell(sample, family.definition, &known) } }
    }
  }

  private func tell(_ sample: MetricFamily.Sample, _ definition: MetricDefinition, _ known: inout Known) {
    let key = Key(name: definition.sampleName, labels: sample.labels)
    switch (sample.value, definition.kind) {
    case (.whole(let number), .counter): count(key, to: number, &known)
    case (.number(let number), .counter): add(key, to: number, &known)
    case (.whole(let number), _): set(key, to: Double(number), &known)
    case (.number(let number), _): set(key, to: number, &known)
    case (.distribution(let values), _):
      count(Key(name: key.name + "_count", labels: key.labels), to: values.count, &known)
      add(Key(name: key.name + "_sum", labels: key.labels), to: values.sum, &known)
    case (.latency(let latency), _):
      count(Key(name: key.name + "_count", labels: key.labels), to: latency.count, &known)
      add(Key(name: key.name + "_sum", labels: key.labels), to: latency.sum / .seconds(1), &known)
      for (part, time) in latency.quantiles {
        set(Key(name: key.name, labels: key.labels + [.init("quantile", "\(part)")]), to: time / .seconds(1), &known)
      }
    }
  }

  private func count(_ key: Key, to number: UInt64, _ known: inout Known) {
    var entry = known.counters[key] ?? (Counter(label: key.name, dimensions: Self.dimensions(key), factory: factory), 0)
    // What a listener that is gone had counted begins anew with the next one of its name.
    let growth = number >= entry.told ? number - entry.told : number
    if growth > 0 { entry.counter.increment(by: Int64(clamping: growth)) }
    entry.told = number
    known.counters[key] = entry
  }

  private func add(_ key: Key, to number: Double, _ known: inout Known) {
    var entry = known.sums[key] ?? (FloatingPointCounter(label: key.name, dimensions: Self.dimensions(key), factory: factory), 0)
    if number > entry.told { entry.counter.increment(by: number - entry.told) }
    entry.told = number
    known.sums[key] = entry
  }

  private func set(_ key: Key, to number: Double, _ known: inout Known) {
    let gauge = known.gauges[key] ?? Gauge(label: key.name, dimensions: Self.dimensions(key), factory: factory)
    gauge.record(number)
    known.gauges[key] = gauge
  }

  private static func dimensions(_ key: Key) -> [(String, String)] { key.labels.map { ($0.name, $0.value) } }
}
