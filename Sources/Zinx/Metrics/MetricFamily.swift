/// What a metric is called, and what it counts: one row of the table in <doc:Metrics>.
public struct MetricDefinition: Sendable, Hashable {
  /// What can be done with its numbers.
  public enum Kind: String, Sendable, CaseIterable {
    /// Only grows, from the start of the process.
    case counter
    /// Goes up and down.
    case gauge
    /// How often a value was how large.
    case histogram
    /// The values that parts of all did not exceed, since the start.
    case summary
    /// Is 1; what it says are its labels.
    case info
  }

  /// By the conventions of Prometheus: `zinx_`, then words, then the unit in seconds or bytes; without the `_total` of counters and the
  /// `_info` of infos, which are parts of the names of samples.
  public let name: String
  public let kind: Kind
  /// One sentence without its full stop.
  public let help: String
  /// What tells its samples apart.
  public let labels: [String]

  public init(_ name: String, _ kind: Kind, labels: [String] = [], _ help: String) {
    (self.name, self.kind, self.help, self.labels) = (name, kind, help, labels)
  }

  /// The name of its samples, `zinx_messages_sent_total`; of a histogram that which theirs begin with.
  public var sampleName: String {
    switch kind {
    case .counter: name + "_total"
    case .info: name + "_info"
    case .gauge, .histogram, .summary: name
    }
  }

  /// The base unit that the name ends with, if it has one.
  public var unit: String? { ["seconds", "bytes", "ratio"].first { name.hasSuffix("_" + $0) } }

  /// The family with one sample without labels.
  package func family(_ value: MetricFamily.Value) -> MetricFamily { MetricFamily(self, [.init([], value)]) }

  /// The family with a sample for each value of its only label.
  package func family(_ values: [(label: String, value: MetricFamily.Value)]) -> MetricFamily {
    MetricFamily(self, values.map { .init([.init(labels[0], $0.label)], $0.value) })
  }
}

/// A metric and its numbers at one moment.
public struct MetricFamily: Sendable, Equatable {
  public enum Value: Sendable, Equatable {
    /// Exact, also where a floating-point number is not.
    case whole(UInt64)
    case number(Double)
    case distribution(PluginMetric.Distribution)
    case latency(Latency)
  }

  public struct Label: Sendable, Hashable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
  }

  public struct Sample: Sendable, Equatable {
    public var labels: [Label]
    public var value: Value

    public init(_ labels: [Label], _ value: Value) { (self.labels, self.value) = (labels, value) }
  }

  public var definition: MetricDefinition
  public var samples: [Sample]

  public init(_ definition: MetricDefinition, _ samples: [Sample]) { (self.definition, self.samples) = (definition, samples) }
}

extension MetricFamily.Value {
  package static func count(_ number: Int) -> Self { .whole(UInt64(clamping: number)) }

  package static func flag(_ isSet: Bool) -> Self { .whole(isSet ? 1 : 0) }

  package static func seconds(_ time: Duration) -> Self { .number(time / .seconds(1)) }
}

extension Latency {
  /// Parts of all, and what these did not exceed: the last one is the longest.
  package var quantiles: [(part: Double, time: Duration)] { [(0.5, median), (0.99, p99), (1, longest)] }
}
