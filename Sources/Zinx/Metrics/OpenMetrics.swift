/// Metrics as text: OpenMetrics 1.0.0, or the older format of Prometheus, version 0.0.4.
public enum OpenMetrics {
  public enum Format: Sendable, CaseIterable {
    case openMetrics
    /// What Prometheus spoke before, and some tools still do.
    case prometheus

    /// The `Content-Type` of HTTP.
    public var contentType: String {
      switch self {
      case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
      case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
      }
    }
  }

  /// The whole text of an exposition. Families without a sample are left out; no two may have one name.
  public static func text(_ families: [MetricFamily], _ format: Format = .openMetrics) -> String {
    var text = ""
    for family in families where !family.samples.isEmpty { write(family, format, to: &text) }
    if format == .openMetrics { text += "# EOF\n" }
    return text
  }

  private static func write(_ family: MetricFamily, _ format: Format, to text: inout String) {
    let definition = family.definition
    // The older format knows no families: what it describes are names of samples, and it has no kind for infos.
    let name = format == .openMetrics ? definition.name : definition.sampleName
    let kind = format == .prometheus && definition.kind == .info ? .gauge : definition.kind
    text += "# TYPE \(name) \(kind.rawValue)\n"
    if format == .openMetrics, let unit = definition.unit { text += "# UNIT \(name) \(unit)\n" }
    text += "# HELP \(name) \(escaped(definition.help, quotes: format == .openMetrics))\n"
    for sample in family.samples { write(sample, definition.sampleName, to: &text) }
  }

  private static func write(_ sample: MetricFamily.Sample, _ name: String, to text: inout String) {
    switch sample.value {
    case .whole(let number): line(name, sample.labels, "\(number)", to: &text)
    case .number(let number): line(name, sample.labels, Self.text(number), to: &text)
    case .distribution(let values):
      var sum: UInt64 = 0
      for (index, count) in values.counts.enumerated() {
        sum += count
        let bound = index < values.bounds.count ? values.bounds[index] : .infinity
        // Whoever has an infinite bound would have its line twice.
        guard bound.isFinite || index == values.counts.count - 1 else { continue }
        line(name + "_bucket", sample.labels + [.init("le", Self.text(bound))], "\(sum)", to: &text)
      }
      line(name + "_count", sample.labels, "\(sum)", to: &text)
      line(name + "_sum", sample.labels, Self.text(values.sum), to: &text)
    case .latency(let latency):
      for (part, time) in latency.quantiles {
        line(name, sample.labels + [.init("quantile", Self.text(part))], Self.text(time / .seconds(1)), to: &text)
      }
      line(name + "_count", sample.labels, "\(latency.count)", to: &text)
      line(name + "_sum", sample.labels, Self.text(latency.sum / .seconds(1)), to: &text)
    }
  }

  private static func line(_ name: String, _ labels: [MetricFamily.Label], _ value: String, to text: inout String) {
    text += name
    if !labels.isEmpty {
      text += "{" + labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }.joined(separator: ",") + "}"
    }
    text += " \(value)\n"
  }

  private static func text(_ number: Double) -> String {
    if number.isNaN { return "NaN" }
    return number.isInfinite ? (number < 0 ? "-Inf" : "+Inf") : "\(number)"
  }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
