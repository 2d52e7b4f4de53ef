import Synchronization

/// Numbers that a plugin keeps of what it does, beside those that the server keeps: see ``RouteRegistrar/metrics`` and
/// ``PluginContext/metrics``. They stand in the summary that a daemon writes at SIGUSR1, in ``Server/pluginMetrics``, and in
/// ``Server/metrics``, which a daemon shows over HTTP (`MetricsAddress`).
///
/// <!-- in: func serve(_ routes: inout RouteRegistrar) { … } -->
/// ```swift
/// let moves = routes.metrics.counter("moves", "Moves that were played.")
/// routes.route(10) { request in
///   moves.add()
///   try request.echo()
/// }
/// ```
///
/// To count is one atomic addition, about as much as a hundredth of a message. A name is one of its plugin and begins with a letter; the
/// rest are `a` to `z`, digits and `_`, and anything else ends the program, as it is a mistake in it. Who asks for a name again gets what is
/// there.
public struct PluginMetrics: Sendable {
  let plugin: String
  let registry: MetricRegistry

  /// A number that only grows.
  public func counter(_ name: String, _ help: String) -> PluginCounter {
    registry.metric(plugin, name, help) { PluginCounter() }
  }

  /// A number that goes up and down.
  public func gauge(_ name: String, _ help: String) -> PluginGauge { registry.metric(plugin, name, help) { PluginGauge() } }

  /// How often a value, such as a time in seconds, was how large.
  ///
  /// - Parameter bounds: the upper bounds of its classes, in ascending order, and included in them; what is larger than all has a class of
  ///   its own.
  public func histogram(_ name: String, _ help: String, bounds: [Double]) -> PluginHistogram {
    registry.metric(plugin, name, help) { PluginHistogram(bounds) }
  }

  /// What the plugin says of itself in a few words, such as `3 rooms, 12 players`: stands in `zinxctl status`, and behind the connections in
  /// what `systemctl status` shows. The last line that is given counts.
  ///
  /// - Parameter text: called now and then, on a thread that is no event loop and no worker; it must not wait. An empty text says nothing.
  public func statusLine(_ text: @escaping @Sendable () -> String) { registry.setStatusLine(of: plugin, text) }

  /// Tells what the plugin works by and has not at the moment; nil: nothing is lacking. The last that is given counts, and is called as
  /// ``statusLine(_:)`` is.
  package func lack(_ lack: @escaping @Sendable () -> PluginLack?) { registry.setLack(of: plugin, lack) }
}

/// Something outside of the server that a plugin works by, and that is away.
package struct PluginLack: Sendable, Equatable {
  /// In words: `no connection to NATS`.
  package var text: String
  /// Whether it is no good time to send the server clients.
  package var isRequired: Bool

  package init(_ text: String, isRequired: Bool) { (self.text, self.isRequired) = (text, isRequired) }
}

/// A number that only grows. Any thread.
public final class PluginCounter: Sendable, Metric {
  private let number = Atomic<UInt64>(0)

  @inline(__always)
  public func add(_ amount: UInt64 = 1) { number.wrappingAdd(amount, ordering: .relaxed) }

  public var value: UInt64 { number.load(ordering: .relaxed) }

  var snapshot: PluginMetric.Value { .counter(value) }
}

/// A number that goes up and down. Any thread.
public final class PluginGauge: Sendable, Metric {
  private let number = Atomic<Int>(0)

  @inline(__always)
  public func add(_ amount: Int = 1) { number.wrappingAdd(amount, ordering: .relaxed) }

  @inline(__always)
  public func set(_ value: Int) { number.store(value, ordering: .relaxed) }

  public var value: Int { number.load(ordering: .relaxed) }

  var snapshot: PluginMetric.Value { .gauge(value) }
}

/// How often a value was how large. Any thread.
public final class PluginHistogram: Sendable, Metric {
  private let bounds: [Double]
  /// One more than there are bounds. Each value counts in one class alone.
  private let classes: [PluginCounter]
  private let bits = Atomic<UInt64>(0)

  init(_ bounds: [Double]) {
    precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "the bounds of a histogram have to ascend")
    self.bounds = bounds
    classes = (0...bounds.count).map { _ in PluginCounter() }
  }

  public func record(_ value: Double) {
    classes[bounds.firstIndex { value <= $0 } ?? bounds.count].add()
    var old = bits.load(ordering: .relaxed)
    while true {
      let new = (Double(bitPattern: old) + value).bitPattern
      let (isDone, current) = bits.compareExchange(expected: old, desired: new, ordering: .relaxed)
      if isDone { return }
      old = current
    }
  }

  /// Records a time in seconds.
  public func record(_ time: Duration) { record(time / .seconds(1)) }

  var snapshot: PluginMetric.Value { .histogram(distribution) }

  var distribution: PluginMetric.Distribution {
    PluginMetric.Distribution(
      bounds: bounds, counts: classes.map(\.value), sum: Double(bitPattern: bits.load(ordering: .relaxed)))
  }
}

/// What a plugin has counted, at one moment.
public struct PluginMetric: Sendable, Equatable {
  public enum Value: Sendable, Equatable {
    case counter(UInt64)
    case gauge(Int)
    case histogram(Distribution)
  }

  /// How often a value was how large.
  public struct Distribution: Sendable, Equatable {
    /// The upper bounds of the classes, ascending.
    public var bounds: [Double]
    /// How many values each class has, and last how many are larger than all bounds.
    public var counts: [UInt64]
    /// The sum of all values.
    public var sum: Double

    /// How many values there are.
    public var count: UInt64 { counts.reduce(0, +) }

    public init(bounds: [Double], counts: [UInt64], sum: Double) {
      (self.bounds, self.counts, self.sum) = (bounds, counts, sum)
    }
  }

  public var plugin: String
  public var name: String
  public var help: String
  public var value: Value

  public init(plugin: String, name: String, help: String, value: Value) {
    (self.plugin, self.name, self.help, self.value) = (plugin, name, help, value)
  }
}

/// What can be shown of a metric.
protocol Metric: AnyObject, Sendable { var snapshot: PluginMetric.Value { get } }

/// The metrics of all plugins of a server, in the order in which they came.
final class MetricRegistry: Sendable {
  private struct Entry {
    let plugin, name, help: String
    let metric: any Metric
  }

  private let entries = Mutex<[Entry]>([])
  private let lines = Mutex<[(plugin: String, text: @Sendable () -> String)]>([])
  private let lacking = Mutex<[(plugin: String, lack: @Sendable () -> PluginLack?)]>([])

  /// What plugins say of themselves, in the order in which they began to; those that say nothing are left out.
  var statusLines: [(plugin: String, text: String)] {
    // Nothing of a plugin runs under the lock.
    lines.withLock { $0 }.map { ($0.plugin, $0.text()) }.filter { !$0.text.isEmpty }
  }

  func setStatusLine(of plugin: String, _ text: @escaping @Sendable () -> String) {
    lines.withLock { lines in
      lines.removeAll { $0.plugin == plugin }
      lines.append((plugin, text))
    }
  }

  /// What plugins lack at this moment.
  var lacks: [PluginLack] { lacking.withLock { $0 }.compactMap { $0.lack() } }

  func setLack(of plugin: String, _ lack: @escaping @Sendable () -> PluginLack?) {
    lacking.withLock { lacking in
      lacking.removeAll { $0.plugin == plugin }
      lacking.append((plugin, lack))
    }
  }

  var snapshot: [PluginMetric] {
    entries.withLock { $0 }.map {
      PluginMetric(plugin: $0.plugin, name: $0.name, help: $0.help, value: $0.metric.snapshot)
    }
  }

  func metric<M: Metric>(_ plugin: String, _ name: String, _ help: String, make: () -> M) -> M {
    precondition(Self.isName(name), "\(name), a metric of the plugin \(plugin), is no name: it has to be like messages_2")
    return entries.withLock { entries in
      if let known = entries.first(where: { $0.plugin == plugin && $0.name == name })?.metric {
        guard let known = known as? M else {
          preconditionFailure("the plugin \(plugin) has two kinds of metric with the name \(name)")
        }
        return known
      }
      let metric = make()
      entries.append(Entry(plugin: plugin, name: name, help: help, metric: metric))
      return metric
    }
  }

  static func isName(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard let first = bytes.first, letters.contains(first) else { return false }
    return bytes.allSatisfy { letters.contains($0) || digits.contains($0) || $0 == UInt8(ascii: "_") }
  }
}
