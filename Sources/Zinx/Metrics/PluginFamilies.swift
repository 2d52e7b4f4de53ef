/// The metrics of plugins by the names that they are told by: `zinx_plugin_`, the plugin, and the name that it gave; those of the connection
/// to NATS, which is none to its operator, `zinx_nats_`.
enum PluginFamilies {
  /// - Parameter own: what has its names already.
  static func make(_ metrics: [PluginMetric], beside own: [MetricFamily]) -> [MetricFamily] {
    var taken = Set(own.flatMap { names($0.definition) })
    return metrics.map { metric in
      let (kind, samples) = parts(metric.value)
      let labels = isOfNats(metric) ? [] : ["plugin"]
      var definition = MetricDefinition(name(metric, kind), kind, labels: labels, metric.help)
      var number = 2
      // Plugins are named as they like: what comes to the same in the end is told apart.
      while !taken.isDisjoint(with: names(definition)) {
        definition = MetricDefinition("\(name(metric, kind))_\(number)", kind, labels: labels, metric.help)
        number += 1
      }
      taken.formUnion(names(definition))
      return MetricFamily(definition, [.init(labels.map { .init($0, metric.plugin) }, samples)])
    }
  }

  private static func isOfNats(_ metric: PluginMetric) -> Bool { metric.plugin == NatsConfiguration.plugin }

  private static func name(_ metric: PluginMetric, _ kind: MetricDefinition.Kind) -> String {
    let plugin = String(metric.plugin.unicodeScalars.map { isPart($0) ? Character($0) : "_" }).lowercased()
    let hasTotal = kind == .counter && metric.name.hasSuffix("_total")
    let prefix = isOfNats(metric) ? "zinx_nats" : "zinx_plugin_\(plugin)"
    return "\(prefix)_\(hasTotal ? String(metric.name.dropLast(6)) : metric.name)"
  }

  private static func isPart(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
  }

  private static func parts(_ value: PluginMetric.Value) -> (MetricDefinition.Kind, MetricFamily.Value) {
    switch value {
    case .counter(let number): (.counter, .whole(number))
    case .gauge(let number): (.gauge, .number(Double(number)))
    case .histogram(let values): (.histogram, .distribution(values))
    }
  }

  /// Every name that a family takes, of its samples and of itself.
  private static func names(_ definition: MetricDefinition) -> [String] {
    let more = definition.kind == .histogram ? ["_bucket", "_count", "_sum"].map { definition.name + $0 } : []
    return [definition.name, definition.sampleName] + more
  }
}
