import Glibc
import Testing
import ZinxIO

@testable import zinx_bench

@Suite("Numbers for people")
struct QuantityTests {
  @Test(
    "have three digits that matter",
    arguments: [
      (0, "0 ns"), (999, "999 ns"), (1000, "1.00 µs"), (12_340, "12.3 µs"), (99_960, "100 µs"), (9_996, "10.0 µs"),
      (1_500_000, "1.50 ms"),
      (2e9, "2.00 s"), (6e11, "600 s"),
    ])
  func times(_ nanoseconds: Double, _ text: String) {
    #expect(Quantity.time(nanoseconds) == text)
  }

  @Test(
    "count memory in powers of 1024",
    arguments: [(0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (-2048, "-2.00 KiB"), (3_500_000, "3.34 MiB")])
  func memory(_ bytes: Double, _ text: String) {
    #expect(Quantity.memory(bytes) == text)
  }

  @Test(
    "are grouped by three", arguments: [(0, "0"), (999, "999"), (1000, "1 000"), (1_234_567, "1 234 567"), (-1000, "-1 000")])
  func groups(_ number: Int, _ text: String) {
    #expect(Quantity.grouped(number) == text)
  }

  @Test(
    "are rounded, not cut",
    arguments: [(0.125, 2, "0.13"), (1.999, 2, "2.00"), (-0.001, 2, "0.00"), (2.5, 0, "3"), (0.05, 3, "0.050")])
  func decimals(_ number: Double, _ places: Int, _ text: String) {
    #expect(Quantity.decimal(number, places) == text)
  }
}

@Suite("JSON")
struct JSONTests {
  @Test("keeps the order of its fields and escapes what must not stand in a string")
  func object() {
    let json = JSON.object([("b", .integer(1)), ("a", .number(0.5, places: 2)), ("n", .null), ("t", .text("a\"\\\n\u{1b}é"))])
    #expect(json.text == #"{"b":1,"a":0.50,"n":null,"t":"a\"\\\u000a\u001bé"}"#)
  }

  @Test("has no number for what is none")
  func notFinite() {
    #expect(JSON.number(.nan, places: 1).text == "null")
    #expect(JSON.number(.infinity, places: 1).text == "null")
  }
}

@Suite("What /proc says of the server")
struct ServerUsageTests {
  private let stat = "42 (a (strange) name) S 1 42 42 0 -1 4194560 1 0 0 0 150 250 0 0 20 0 4 0 1 1 1 1"
  private let status = "Name:\tzinxd\nVmPeak:\t 99999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n"

  @Test("is CPU time and memory")
  func usage() {
    let usage = ServerUsage(stat: stat, status: status, ticksPerSecond: 100)
    #expect(usage == ServerUsage(user: 1.5, system: 2.5, resident: 1 << 20, peak: 2 << 20))
    #expect(usage?.cpu == 4)
  }

  @Test("of a process that is ending is no memory")
  func ending() {
    #expect(ServerUsage(stat: stat, status: "Name:\tzinxd\n", ticksPerSecond: 100)?.resident == 0)
  }

  @Test("is nothing when the text is another", arguments: ["", "1 (x", "1 (x) S 1 2 3", "1 (x) S 1 2 3 4 5 6 7 8 9 10 a b c"])
  func nothing(_ stat: String) {
    #expect(ServerUsage(stat: stat, status: status, ticksPerSecond: 100) == nil)
  }

  @Test("is known of this process")
  func own() throws {
    let usage = try #require(ServerUsage.of(pid: getpid()))
    #expect(usage.resident > 0)
    #expect(usage.peak >= usage.resident / 2)
  }
}

@Suite("A tally")
struct TallyTests {
  @Test("of several threads is the sum of theirs")
  func sum() {
    var (one, other) = (Tally(), Tally())
    one.answered(.init(time: 100, count: 3), at: 1100)
    one.read(.init(replies: 3, bytes: 30, wrongSize: 1, others: 2))
    one.count(.closed)
    other.answered(.init(time: 100, count: 1), at: 5100)
    other.read(.init(replies: 1, bytes: 10, wrongData: 1))
    other.hasConnected(after: 700)
    other.failedToConnect(SystemError("connect", code: 111))
    one.add(other)
    #expect(one.messages == 4)
    #expect(one.replies == 4)
    #expect(one.bytes == 40)
    #expect(one.others == 2)
    #expect(one.connected == 1)
    #expect(one.lastReply == 5100)
    #expect(one.connectError == .system(SystemError("connect", code: 111)))
    #expect(one.errors == 4)
    #expect(Fault.allCases.filter { one[$0] > 0 } == [.connect, .closed, .wrongSize, .wrongData])
    #expect(Latencies(one.latency).count == 4)
    #expect(Latencies(one.connectLatency).maximum == 700)
  }

  @Test("counts a time that is too long, or before its beginning, as the longest or none")
  func clamped() {
    var tally = Tally()
    tally.answered(.init(time: 0, count: 1), at: .max)
    tally.answered(.init(time: 10, count: 1), at: 5)
    let times = Latencies(tally.latency)
    #expect(times.count == 2)
    #expect(times.minimum == 0)
    #expect(times.maximum == 600_000_000_000)
  }

  @Test("takes messages that were pushed out of the replies")
  func pushed() {
    var tally = Tally()
    tally.read(.init(replies: 5, bytes: 50))
    tally.pushed(2)
    #expect((tally.replies, tally.others) == (3, 2))
    #expect(tally.errors == 0)
  }

  @Test("has percentiles that no time exceeds")
  func percentiles() {
    var tally = Tally()
    for time in 1...1000 { tally.answered(.init(time: 0, count: 1), at: Int64(time) * 1000) }
    let times = Latencies(tally.latency)
    // Three digits are kept of each.
    let expected = [500e3, 900e3, 990e3, 999e3]
    for (value, right) in zip(times.values, expected) { #expect(abs(value - right) <= right / 500) }
    #expect(times.maximum == 1e6)
    #expect(times.values.allSatisfy { $0 <= times.maximum })
  }

  @Test("without messages has no times")
  func empty() {
    #expect(Latencies(Tally().latency) == Latencies(Tally().connectLatency))
    #expect(Latencies(Tally().latency).count == 0)
  }
}

@Suite("The report")
struct ReportTests {
  private func summary(_ change: (inout Summary) -> Void = { _ in }) -> Summary {
    var tally = Tally()
    tally.answered(.init(time: 0, count: 1000), at: 20_000)
    tally.read(.init(replies: 1000, bytes: 72_000))
    for _ in 0..<2 { tally.hasConnected(after: 100_000) }
    let plan = plan { ($0.connections, $0.speakers, $0.warmUp) = (2, 2, 500_000_000) }
    var summary = Summary(plan: plan, endpoint: "127.0.0.1:7777", tally: tally, seconds: 0.5)
    (summary.open, summary.connectSeconds, summary.clientCPU) = (2, 0.001, 0.25)
    change(&summary)
    return summary
  }

  private let server = Summary.Server(
    before: ServerUsage(user: 1, system: 1, resident: 10 << 20, peak: 11 << 20),
    start: ServerUsage(user: 1, system: 1, resident: 10 << 20, peak: 11 << 20),
    end: ServerUsage(user: 1.002, system: 1.003, resident: 10 << 20 + 4096, peak: 12 << 20))

  @Test("is a table")
  func table() {
    #expect(
      TableReport(summary: summary { $0.server = server }).lines == [
        "127.0.0.1:7777: closed loop: 2 connections, 1 in flight, 64 bytes, id 3, ltv-le",
        "measured for 500 ms after 500 ms of warm-up",
        "",
        "messages       1 000, 2 000 a second, 0.1 MB/s",
        "latency        p50 20.0 µs  p90 20.0 µs  p99 20.0 µs  p99.9 20.0 µs  max 20.0 µs",
        "connect        p50 100 µs  p90 100 µs  p99 100 µs  p99.9 100 µs  max 100 µs",
        "connections    2 of 2 open, opened at 2 000 a second",
        "server CPU     5.00 µs a message: user 2.00, system 3.00",
        "server memory  10.0 MiB, at most 12.0 MiB, 2.00 KiB a connection",
        "client         50 % of a CPU",
        "errors         none",
      ])
  }

  @Test("names each kind of error with what to look at")
  func errors() {
    let lines = TableReport(
      summary: summary {
        $0.tally.count(.wrongSize, 1234)
        $0.tally.failedToConnect(SystemError("connect", code: 111))
      }
    ).lines
    #expect(
      lines.suffix(2) == [
        "errors         1 connects failed: Connection refused", "errors         1 234 replies of another size: see --reply-size",
      ])
  }

  @Test("says when the load generator may be the limit")
  func busy() {
    #expect(!summary().isClientBusy)
    let busy = summary { $0.clientCPU = 0.48 }
    #expect(busy.isClientBusy)
    #expect(TableReport(summary: busy).lines.contains("client         96 % of a CPU: it may be the limit itself, see --threads"))
  }

  @Test("as JSON has the same figures")
  func json() {
    #expect(
      JSONReport(summary: summary { $0.server = server }).text == """
        {"mode":"closed","endpoint":"127.0.0.1:7777","pack":"ltv-le","connections":2,"speakers":2,"in_flight":1,"size":64,"id":3,\
        "threads":1,"rate":null,"seconds":0.500000,"interrupted":false,"messages":1000,"messages_per_s":2000.0,"bytes_per_s":144000,\
        "latency_us":{"min":20.000,"mean":20.000,"p50":20.000,"p90":20.000,"p99":20.000,"p99.9":20.000,"max":20.000},\
        "connected":2,"open":2,"connect_s":0.001000,"connects_per_s":2000.0,\
        "connect_us":{"min":100.000,"mean":100.000,"p50":100.000,"p90":100.000,"p99":100.000,"p99.9":100.000,"max":100.000},\
        "others":0,"errors":0,"errors_by_kind":{"connect":0,"closed":0,"reset":0,"unanswered":0,"unsent":0,"wrong_size":0,\
        "wrong_data":0,"unrequested":0,"nonsense":0},"client_cpu_s":0.250,"server":{"user_s":0.00,"system_s":0.00,\
        "us_per_message":5.0000,"user_us_per_message":2.0000,"system_us_per_message":3.0000,"rss_before":10485760,"rss":10489856,\
        "rss_peak":12582912,"rss_per_connection":2048.0}}
        """)
  }

  @Test("of a run that measured nothing divides by nothing")
  func nothing() {
    let empty = Summary(plan: plan(), endpoint: "[::1]:1", tally: Tally(), seconds: 0)
    #expect(empty.messagesPerSecond == 0)
    #expect(empty.bytesPerSecond == 0)
    #expect(empty.serverCost == nil)
    #expect(empty.memoryPerConnection == nil)
    #expect(TableReport(summary: empty).lines.last == "errors         none")
    #expect(JSONReport(summary: empty).text.contains(#""latency_us":null"#))
  }

  @Test("of idle connections is their memory, and nothing about messages")
  func idle() {
    let lines = TableReport(
      summary: summary {
        $0.plan.mode = .idle
        $0.server = server
      }
    ).lines
    #expect(!lines.contains { $0.hasPrefix("messages") || $0.hasPrefix("server CPU") })
    #expect(lines.contains("server memory  10.0 MiB, at most 12.0 MiB, 2.00 KiB a connection"))
  }
}

@Suite("When nothing was measured, the hint")
struct HintTests {
  private func hint(_ change: (inout Tally) -> Void) -> String? {
    var tally = Tally()
    change(&tally)
    return Summary(plan: plan(), endpoint: "", tally: tally, seconds: 1).hint
  }

  @Test("is none when there were replies")
  func good() {
    #expect(hint { $0.read(.init(replies: 1)) } == nil)
  }

  @Test("tells what is likely")
  func likely() throws {
    #expect(try #require(hint { $0.failedToConnect(SystemError("connect", code: 111)) }).contains("Connection refused"))
    #expect(try #require(hint { $0.read(.init(others: 1)) }).contains("--reply-id"))
    #expect(try #require(hint { $0.count(.closed) }).contains("closes the connections"))
    #expect(try #require(hint { _ in }).contains("have a route"))
  }
}

@Suite("Progress")
struct ProgressTests {
  @Test("is the rate since the last line")
  func rate() {
    var progress = Progress(at: 1_000_000_000)
    let first = progress.running(at: 2_000_000_000, since: 1_000_000_000, messages: 5000, open: 50, errors: 0)
    #expect(first == "1 s: 5 000 messages a second, 50 connections")
    let second = progress.running(at: 4_000_000_000, since: 1_000_000_000, messages: 6000, open: 49, errors: 2)
    #expect(second == "3 s: 500 messages a second, 49 connections, 2 errors")
  }

  @Test("of connecting counts the connections")
  func connecting() {
    #expect(Progress.connecting(open: 1200, of: 10_000, errors: 0) == "1 200 of 10 000 connections open")
  }
}
