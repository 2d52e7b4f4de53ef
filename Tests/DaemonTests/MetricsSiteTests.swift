import Systemd
import Testing
import Zinx
import ZinxControl
import ZinxTestKit

@testable import ZinxDaemon

@Suite("The pages of metrics and health")
struct MetricsSiteTests {
  private static func site(_ health: Health = Health(), ownNames: [String] = []) -> MetricsSite {
    var site = MetricsSite(
      families: { [MetricFamily(MetricDefinition("zinx_x", .gauge, "X"), [.init([], .whole(1))])] }, health: { health },
      connections: { _, _ in [] })
    site.ownNames = ownNames
    return site
  }

  private static func answer(_ health: Health = Health(), _ change: (inout MetricsRequest) -> Void) -> MetricsReply {
    var request = MetricsRequest()
    request.isLoopback = true
    change(&request)
    return site(health, ownNames: ["Zinx.Example"]).answer(request)
  }

  @Test("are found with a query behind them, by GET and HEAD alone")
  func pages() {
    for path in ["/", "/?", "/metrics", "/metrics?x=1", "/connections", "/connections?x=1&sort=idle", "/healthz", "/readyz"] {
      for method in ["GET", "HEAD"] {
        #expect(Self.answer { ($0.method, $0.target) = (method, path) }.status == 200)
      }
      let reply = Self.answer { ($0.method, $0.target) = ("POST", path) }
      #expect(reply.status == 405 && reply.headers["Allow"] == "GET, HEAD")
    }
    for path in ["", "*", "/index.html", "/metrics/", "/metrics%20", "//metrics", "https://127.0.0.1/metrics", "/../metrics"] {
      #expect(Self.answer { $0.target = path }.status == 404)
      #expect(Self.answer { ($0.method, $0.target) = ("POST", path) }.status == 405)
    }
  }

  @Test func `are found by a target with scheme and host too, which is the host that counts`() {
    for target in ["http://127.0.0.1:9117/metrics", "HTTP://localhost/healthz?x", "http://zinx.example", "http://127.0.0.1?x"] {
      #expect(Self.answer { ($0.target, $0.hosts) = (target, ["evil.example"]) }.status == 200, "\(target)")
    }
    #expect(Self.answer { ($0.target, $0.hosts) = ("http://evil.example/metrics", ["localhost"]) }.status == 403)
    #expect(Self.answer { $0.target = "http://" }.status == 404)
    #expect(Self.answer { $0.target = "http:///metrics" }.status == 403)
  }

  @Test func `want a host where the version has one, and no body`() {
    #expect(Self.answer { $0.needsHost = true }.status == 400)
    #expect(Self.answer { ($0.needsHost, $0.hosts) = (true, ["localhost"]) }.status == 200)
    #expect(Self.answer { $0.hasBody = true }.status == 413)
  }

  @Test("have metrics in the format that is liked best")
  func formats() {
    let prometheus =
      "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    for accept in [
      "", "*/*", prometheus, "application/openmetrics-text; version=1.0.0", "text/plain;q=0.1, Application/OpenMetrics-Text",
    ] {
      #expect(AcceptHeader.format(accept) == .openMetrics, "\(accept)")
    }
    for accept in [
      "text/plain", "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "text/html,application/xhtml+xml,*/*;q=0.8",
      "application/openmetrics-text;version=0.0.1,text/plain;q=0.5", "application/openmetrics-text;q=0,text/*",
    ] { #expect(AcceptHeader.format(accept) == .prometheus, "\(accept)") }
    #expect(Self.answer { $0.accept = "text/plain" }.contentType == "text/plain; version=0.0.4; charset=utf-8")
    #expect(Self.answer { _ in }.body.hasSuffix("# EOF\n"))
  }

  @Test("are not for pages of others that a browser shows")
  func origins() {
    #expect(Self.answer { $0.origin = "http://127.0.0.1:9117" }.status == 403)
    #expect(Self.answer { $0.origin = "null" }.status == 403)
    #expect(Self.answer { ($0.fetchSite, $0.fetchMode) = ("cross-site", "no-cors") }.status == 403)
    #expect(Self.answer { ($0.fetchSite, $0.fetchMode) = ("same-site", "cors") }.status == 403)
    // A link to it, which shows the page to who has followed it and to nobody else.
    #expect(Self.answer { ($0.fetchSite, $0.fetchMode) = ("cross-site", "navigate") }.status == 200)
    #expect(Self.answer { ($0.fetchSite, $0.fetchMode) = ("none", "navigate") }.status == 200)
  }

  @Test("are there on loopback by names of this machine alone, so that no name of others can be pointed at them")
  func hosts() {
    for host in [
      "localhost", "LocalHost:9117", "127.0.0.1", "127.0.0.1:1", "[::1]:9117", "[::1]", "10.0.0.1", "zinx.example:9117",
    ] {
      #expect(Self.answer { $0.hosts = [host] }.status == 200, "\(host)")
    }
    for host in [
      "evil.example", "evil.example:9117", "localhost.evil.example", "127.0.0.1.evil.example", "localhost:x", "[::1", "", ":1",
      "a b",
    ] {
      #expect(Self.answer { $0.hosts = [host] }.status == 403, "\(host)")
      #expect(Self.answer { ($0.hosts, $0.isLoopback) = ([host], false) }.status == 200, "\(host)")
    }
    #expect(Self.answer { $0.hosts = ["localhost", "localhost"] }.status == 400)
    #expect(Self.answer { $0.hosts = [] }.status == 200)
  }

  @Test("show the status in one page, which runs what is in it and loads nothing")
  func status() throws {
    let reply = Self.answer { $0.target = "/" }
    #expect(reply.contentType == "text/html; charset=utf-8")
    let policy = try #require(reply.headers["Content-Security-Policy"])
    #expect(policy.matches(of: /'sha256-[A-Za-z0-9+\/]{43}='/).count == 2)
    #expect(policy.hasPrefix("default-src 'none'; ") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"))
    // In text as it is hashed, so that no character of it means something to HTML.
    #expect(!StatusPageScript.text.contains("</") && !StatusPageStyle.text.contains("<"))
    #expect(reply.body.matches(of: /(src|href)="(http|\/\/)/).isEmpty && !reply.body.contains("@import"))
    #expect(reply.body.matches(of: /[ ]style="|[ ]on[a-z]+="/).isEmpty)
    // Every name that it shows is one that there is.
    let names = Set((MetricDefinition.ofDaemon + MetricDefinition.ofServer).map(\.sampleName))
    let asked = StatusPageScript.text.matches(of: /(?:one|by|reasons)\(m, '([a-z_]+)'/).map { "zinx_\($0.1)" }
    #expect(asked.count > 15 && names.isSuperset(of: asked))
  }

  @Test func `have connections on loopback alone, in the order that is asked for, which tells nothing of users and groups`()
    throws
  {
    #expect(try TopConnections.order("/connections") == FieldOrder("-received"))
    #expect(try TopConnections.order("/connections?x=1&sort=-queuedBytes") == FieldOrder("-queuedBytes"))
    #expect(Self.answer { ($0.target, $0.isLoopback) = ("/connections", false) }.status == 403)
    for query in ["sort=", "sort=bogus", "sort=user", "sort=-user", "sort=groups", "sort=-group"] {
      #expect(Self.answer { $0.target = "/connections?\(query)" }.status == 400, "\(query)")
    }
  }

  @Test("say when it is no time to send clients, and why")
  func ready() {
    func reply(_ health: Health) -> (Int, String) {
      let reply = Self.answer(health) { $0.target = "/readyz" }
      return (reply.status, reply.body)
    }
    #expect(reply(Health(phase: .starting)) == (503, "starting\n"))
    #expect(reply(Health(phase: .draining)) == (503, "draining\n"))
    #expect(reply(Health()) == (200, "ok\n"))
    #expect(reply(Health(silentLoops: [1])) == (503, "event loops do not answer: 1\n"))
  }

  @Test("say what a plugin lacks, and are not ready only where it is required")
  func lacks() {
    func reply(_ path: String, _ health: Health) -> (Int, String) {
      let reply = Self.answer(health) { $0.target = path }
      return (reply.status, reply.body)
    }
    let (spare, needed) = (PluginLack("no spare", isRequired: false), PluginLack("no NATS", isRequired: true))
    #expect(reply("/readyz", Health(lacks: [spare])) == (200, "no spare\n"))
    #expect(reply("/readyz", Health(lacks: [spare, needed])) == (503, "no NATS\n"))
    #expect(reply("/readyz", Health(phase: .draining, lacks: [needed])) == (503, "draining\n"))
    #expect(reply("/readyz", Health(silentLoops: [1], lacks: [needed])) == (503, "event loops do not answer: 1\n"))
    #expect(reply("/healthz", Health(lacks: [spare, needed])) == (200, "ok\n"))
    #expect(Health(lacks: [spare, needed]).problems == ["no spare", "no NATS"])
  }

  @Test("say that it is alive as long as every loop and one worker make progress")
  func live() {
    func reply(_ health: Health) -> (Int, String) {
      let reply = Self.answer(health) { $0.target = "/healthz" }
      return (reply.status, reply.body)
    }
    for phase in [Health.Phase.starting, .draining, .serving] { #expect(reply(Health(phase: phase)) == (200, "ok\n")) }
    #expect(reply(Health(silentLoops: [0, 3])) == (503, "event loops do not answer: 0, 3\n"))
    let blocked = Health.blocked([.seconds(12), .seconds(11), .milliseconds(9999)])
    #expect(reply(Health(workers: 2, blocked: Array(blocked.prefix(1)))) == (200, "1 of 2 workers are blocked in handlers\n"))
    #expect(reply(Health(workers: 2, blocked: blocked)) == (503, "2 of 2 workers are blocked in handlers\n"))
  }
}

@Suite("Health")
struct HealthTests {
  private static let states = [
    Health(), Health(phase: .draining), Health(phase: .starting), Health(silentLoops: [0, 3], workers: 1),
    Health(workers: 2, blocked: Health.blocked([.seconds(11), .zero])),
    Health(workers: 2, blocked: Health.blocked([.seconds(11), .seconds(12)])),
  ]

  @Test("is the same by the control socket and over HTTP", arguments: states)
  func same(health: Health) {
    let site = MetricsSite(families: { [] }, health: { health }, connections: { _, _ in [] })
    #expect(health.json["healthy"]?.bool == (site.answer(MetricsRequest(target: "/healthz")).status == 200))
    #expect(health.json["ready"]?.bool == (site.answer(MetricsRequest(target: "/readyz")).status == 200))
  }

  @Test("names each loop and each worker that is held up, also while others go on")
  func problems() {
    let blocked = "worker 0 has been blocked in a handler for 11 s"
    #expect(Self.states[4].json == ["healthy": true, "ready": true, "problems": [.string(blocked)]])
    #expect(Self.states[3].json == ["healthy": false, "ready": false, "problems": ["event loops do not answer: 0, 3"]])
    #expect(Self.states[5].problems.count == 2)
  }

  @Test("counts a worker as blocked from a time on, and not before")
  func bound() {
    let times = [Health.blockedAfter - .milliseconds(1), Health.blockedAfter]
    #expect(Health.blocked(times).map(\.worker) == [1])
  }
}

@Suite("The lag of event loops")
struct LoopLagsTests {
  private let begin = ContinuousClock.now

  @Test("is what the last answer took, or what the next one takes already")
  func lag() {
    var lags = LoopLags()
    let asked = [lags.ask(0, at: begin), lags.ask(1, at: begin), lags.ask(0, at: begin + .seconds(1))]
    #expect(asked == [true, true, false], "one question at a time")
    lags.answered(0, at: begin + .milliseconds(3))
    #expect(lags.lags(at: begin + .seconds(2)).map(\.lag) == [.milliseconds(3), .seconds(2)])
    let again = lags.ask(0, at: begin + .seconds(2))
    #expect(again)
    #expect(lags.lags(at: begin + .seconds(2)).map(\.lag) == [.milliseconds(3), .seconds(2)])
    #expect(lags.lags(at: begin + .seconds(3)).map(\.lag) == [.seconds(1), .seconds(3)])
    lags.answered(7, at: begin)
    #expect(lags.lags(at: begin).map(\.loop) == [0, 1])
  }

  @Test("makes a loop silent after five seconds")
  func silent() {
    var lags = LoopLags()
    _ = lags.ask(2, at: begin)
    #expect(lags.silent(at: begin + .milliseconds(4999)) == [])
    #expect(lags.silent(at: begin + .seconds(5)) == [2])
    lags.answered(2, at: begin + .seconds(6))
    #expect(lags.silent(at: begin + .seconds(9)) == [])
  }
}

@Suite("The metrics of the daemon")
struct DaemonMetricsTests {
  @Test("are all of the table, in its order, before those of the server")
  func table() {
    var reading = DaemonReading(name: "n", version: "v", start: 1)
    reading.usage = ProcessUsage(residentBytes: 1)
    reading.lags = [(0, .milliseconds(5))]
    #expect(reading.families.map(\.definition) == MetricDefinition.ofDaemon)
    #expect(OpenMetrics.text(reading.families).contains("\nzinx_loop_lag_seconds{loop=\"0\"} 0.005\n"))
  }

  @Test("stand in a table of the documentation, with those of the server")
  func documented() throws {
    let parts = try Repository.text("Sources/Zinx/Zinx.docc/Metrics.md").split(
      separator: "<!-- metrics -->\n", omittingEmptySubsequences: false)
    try #require(parts.count == 3, "the table stands between two lines <!-- metrics -->")
    let rows = (MetricDefinition.ofDaemon + MetricDefinition.ofServer).map { metric in
      let labels = metric.labels.map { "`\($0)`" }.joined(separator: ", ")
      return "| `\(metric.sampleName)` | \(metric.kind.rawValue) | \(labels) | \(metric.help) |\n"
    }
    #expect(String(parts[1]) == "| metric | kind | labels | what it is |\n|---|---|---|---|\n" + rows.joined())
  }

  @Test("read the memory in use from what proc(5) says")
  func memory() {
    #expect(ProcessUsage.residentBytes(statm: "100 7 3 1 0 9 0\n").map { $0 % 7 } == 0)
    #expect(ProcessUsage.residentBytes(statm: "") == nil)
    #expect(ProcessUsage.residentBytes(statm: "1 x") == nil)
    #expect(ProcessUsage.now.residentBytes ?? 0 > 1 << 20)
  }

  @Test("have the sockets that systemd passes under their name, unless a listener has that")
  func passed() {
    func take(_ names: [String], _ listeners: [String]) -> ([Int32], [String]) {
      var sockets = names.enumerated().map { ListenSocket(descriptor: Int32(3 + $0), name: $1) }
      let taken = PassedSockets.takeMetrics(&sockets, beside: listeners.map { Endpoint(name: $0, .abstract(name: $0)) })
      return (taken, sockets.map(\.name))
    }
    #expect(take(["zinx", "metrics"], ["zinx"]) == ([4], ["zinx"]))
    #expect(take(["metrics"], ["metrics"]) == ([], ["metrics"]))
    #expect(take(["zinx"], ["zinx"]) == ([], ["zinx"]))
  }
}
