import Testing

@testable import Zinx

@Suite("The text of metrics")
struct OpenMetricsTests {
  private let families = [
    MetricFamily(
      MetricDefinition("zinx_b", .info, labels: ["version"], "A \"quoted\" \\ help"),
      [.init([.init("version", "a\"b\\c\nd")], .whole(1))]),
    MetricDefinition("zinx_t_seconds", .counter, "Time").family(.number(1.5)),
    MetricDefinition("zinx_c", .counter, labels: ["reason"], "Things").family([("x", .whole(.max)), ("y", .whole(0))]),
    MetricDefinition("zinx_none", .gauge, "Nothing").family([]),
    MetricDefinition("zinx_h_seconds", .histogram, "Times").family(
      .distribution(.init(bounds: [0.5, 1], counts: [2, 0, 3], sum: .nan))),
  ]

  @Test("is OpenMetrics, with units, families and an end")
  func openMetrics() {
    #expect(
      OpenMetrics.text(families) == #"""
        # TYPE zinx_b info
        # HELP zinx_b A \"quoted\" \\ help
        zinx_b_info{version="a\"b\\c\nd"} 1
        # TYPE zinx_t_seconds counter
        # UNIT zinx_t_seconds seconds
        # HELP zinx_t_seconds Time
        zinx_t_seconds_total 1.5
        # TYPE zinx_c counter
        # HELP zinx_c Things
        zinx_c_total{reason="x"} 18446744073709551615
        zinx_c_total{reason="y"} 0
        # TYPE zinx_h_seconds histogram
        # UNIT zinx_h_seconds seconds
        # HELP zinx_h_seconds Times
        zinx_h_seconds_bucket{le="0.5"} 2
        zinx_h_seconds_bucket{le="1.0"} 2
        zinx_h_seconds_bucket{le="+Inf"} 5
        zinx_h_seconds_count 5
        zinx_h_seconds_sum NaN
        # EOF

        """#)
  }

  @Test("is what Prometheus spoke before, where that is asked for")
  func prometheus() {
    let lines = OpenMetrics.text(families, .prometheus).split(separator: "\n")
    #expect(
      lines.prefix(5) == [
        "# TYPE zinx_b_info gauge", #"# HELP zinx_b_info A "quoted" \\ help"#, #"zinx_b_info{version="a\"b\\c\nd"} 1"#,
        "# TYPE zinx_t_seconds_total counter", "# HELP zinx_t_seconds_total Time",
      ])
    #expect(!lines.contains { $0.contains("EOF") || $0.contains("UNIT") })
  }

  @Test("has one last class, also where the bounds have an infinite one")
  func infinite() {
    let family = MetricDefinition("zinx_h", .histogram, "Times").family(
      .distribution(.init(bounds: [1, .infinity], counts: [1, 2, 3], sum: 9)))
    let lines = OpenMetrics.text([family]).split(separator: "\n").filter { $0.hasPrefix("zinx_h_bucket") }
    #expect(lines == [#"zinx_h_bucket{le="1.0"} 1"#, #"zinx_h_bucket{le="+Inf"} 6"#])
  }
}

@Suite("The metrics of a server")
struct ServerMetricsTests {
  private static func reading() -> ServerReading {
    let counters = Counters()
    counters.countClose(.idle)
    counters.countClose(.idle)
    counters.countRefusal(.maxConnPerIP)
    counters.countArrivalFailure(.headerTimeout)
    var reading = ServerReading(counters: counters.snapshot)
    reading.listeners = [
      .init(name: "a", live: 2, limit: 5, accepted: 7, certificateExpiry: 1_800_000_000), .init(name: "b \"c\""),
    ]
    reading.workers = [.init(queued: 3, waiting: 1, busy: .seconds(10)), .init(queued: 5), .init(busy: .milliseconds(1))]
    (reading.maxWorkerTaskLen, reading.queuedBytes, reading.maxQueueBytes) = (20, 30, 120)
    return reading
  }

  private static func value(_ sample: String, _ families: [MetricFamily]) -> String? {
    OpenMetrics.text(families).split(separator: "\n").first { $0.hasPrefix(sample + " ") }.map {
      String($0.dropFirst(sample.count + 1))
    }
  }

  @Test("are all of the table, in its order")
  func table() {
    #expect(Self.reading().families.map(\.definition) == MetricDefinition.ofServer)
  }

  @Test("have names by the conventions of Prometheus, each once, and help in one sentence")
  func names() {
    let all = MetricDefinition.ofServer
    #expect(Set(all.map(\.name)).count == all.count)
    for metric in all {
      #expect(metric.name.wholeMatch(of: /zinx(_[a-z]+)+/) != nil && !metric.name.hasSuffix("_total"), "\(metric.name)")
      #expect(!metric.help.hasSuffix(".") && metric.help.first?.isUppercase == true, "\(metric.name)")
    }
  }

  @Test("have every reason from the start, and those of arrivals that there have been")
  func reasons() {
    let families = Self.reading().families
    for reason in CloseReason.allCases {
      let value = Self.value("zinx_connections_ended_total{reason=\"\(reason)\"}", families)
      #expect(value == (reason == .idle ? "2" : "0"))
    }
    for reason in RefusalReason.allCases {
      let value = Self.value("zinx_connections_refused_total{reason=\"\(reason)\"}", families)
      #expect(value == (reason == .maxConnPerIP ? "1" : "0"))
    }
    #expect(Self.value(#"zinx_arrivals_failed_total{reason="header-timeout"}"#, families) == "1")
    #expect(Self.value(#"zinx_arrivals_failed_total{reason="tls-failed"}"#, families) == "0")
    #expect(Self.value(#"zinx_arrivals_failed_total{reason="idle"}"#, families) == nil)
  }

  @Test("say how full queues are, and what workers do")
  func queues() {
    let families = Self.reading().families
    #expect(Self.value("zinx_queue_fullness_ratio", families) == "0.25")
    #expect(Self.value("zinx_worker_queue_fullness_ratio", families) == "0.25")
    #expect(Self.value("zinx_worker_queued_messages", families) == "8")
    #expect(Self.value("zinx_worker_waiting_connections", families) == "1")
    #expect(Self.value("zinx_workers_busy", families) == "2")
    #expect(Self.value("zinx_workers_blocked", families) == "1")
    #expect(Self.value("zinx_queue_fullness_ratio", ServerReading(counters: Counters().snapshot).families) == "0.0")
  }

  @Test("have listeners by their names, with a limit and a certificate where there is one")
  func listeners() {
    let families = Self.reading().families
    #expect(Self.value(#"zinx_listener_connections{listener="a"}"#, families) == "2")
    #expect(Self.value(#"zinx_listener_connections{listener="b \"c\""}"#, families) == "0")
    #expect(Self.value(#"zinx_listener_max_connections{listener="a"}"#, families) == "5")
    #expect(Self.value(#"zinx_listener_max_connections{listener="b \"c\""}"#, families) == nil)
    #expect(Self.value(#"zinx_tls_certificate_expiry_timestamp_seconds{listener="a"}"#, families) == "1800000000.0")
  }
}

@Suite("The metrics of plugins")
struct PluginFamiliesTests {
  private static func names(_ metrics: [PluginMetric]) -> [String] {
    var reading = ServerReading(counters: Counters().snapshot)
    reading.plugins = metrics
    return reading.families.map(\.definition.sampleName).filter { $0.hasPrefix("zinx_plugin") }
  }

  private static func metric(_ plugin: String, _ name: String, _ value: PluginMetric.Value) -> PluginMetric {
    PluginMetric(plugin: plugin, name: name, help: "Help", value: value)
  }

  @Test("have the plugin in their names and as a label")
  func name() {
    var reading = ServerReading(counters: Counters().snapshot)
    reading.plugins = [Self.metric("My-Chat", "rooms", .gauge(-3))]
    #expect(OpenMetrics.text(reading.families).contains("\nzinx_plugin_my_chat_rooms{plugin=\"My-Chat\"} -3.0\n"))
  }

  @Test("of the connection to NATS have no plugin")
  func nats() {
    var reading = ServerReading(counters: Counters().snapshot)
    reading.plugins = [Self.metric("nats-node", "lost", .counter(2)), Self.metric("nats", "requests", .counter(3))]
    let text = OpenMetrics.text(reading.families)
    #expect(text.contains("\nzinx_nats_lost_total 2\n"))
    #expect(text.contains("\nzinx_plugin_nats_requests_total{plugin=\"nats\"} 3\n"))
  }

  @Test("end with _total once where they count")
  func total() {
    #expect(Self.names([Self.metric("a", "moves", .counter(1))]) == ["zinx_plugin_a_moves_total"])
    #expect(Self.names([Self.metric("a", "moves_total", .counter(1))]) == ["zinx_plugin_a_moves_total"])
  }

  @Test("are told apart where two come to one name")
  func apart() {
    let histogram = PluginMetric.Value.histogram(.init(bounds: [], counts: [0], sum: 0))
    let names = Self.names([
      Self.metric("a-b", "c", .counter(1)), Self.metric("a_b", "c", .counter(1)), Self.metric("a.b", "c_total", .gauge(1)),
      Self.metric("a", "h", histogram), Self.metric("a", "h_count", .gauge(1)),
    ])
    #expect(
      names == [
        "zinx_plugin_a_b_c_total", "zinx_plugin_a_b_c_2_total", "zinx_plugin_a_b_c_total_2", "zinx_plugin_a_h",
        "zinx_plugin_a_h_count_2",
      ])
  }
}

@Suite("Sampling")
struct SampleTurnTests {
  @Test("times one of as many as it says, and of fewer than 64 never two")
  func turn() {
    var turn = SampleTurn()
    let due = (1...1000).filter { _ in turn.isDue() }
    #expect(due == Array(stride(from: 67, through: 1000, by: 67)))
  }
}
