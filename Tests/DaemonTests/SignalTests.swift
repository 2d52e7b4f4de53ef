import Glibc
import Systemd
import Testing
import Zinx
import ZinxControl
import ZinxTestKit

@testable import ZinxDaemon

extension Daemons {
  @Suite("Signals")
  struct SignalTests {
    /// Returns once the daemon handles `signal`: no earlier moment is its own.
    private func caught(_ signal: Int32, by daemon: DaemonProcess) async throws {
      try await until {
        guard let file = fopen("/proc/\(daemon.pid)/status", "r") else { return false }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
          let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
          guard let mask = text.firstMatch(of: /SigCgt:\s*([0-9a-f]+)/)?.1 else { continue }
          return (UInt64(mask, radix: 16) ?? 0) >> UInt64(signal - 1) & 1 == 1
        }
        return false
      }
    }

    @Test("that end do so from the first instruction on, with status 0", arguments: [SIGTERM, SIGINT, SIGQUIT])
    func firstInstruction(_ signal: Int32) async throws {
      try await withDaemon { daemon, _ in
        // SIGUSR2 is the last that is taken; SIGQUIT is the runtime's before.
        try await caught(SIGUSR2, by: daemon)
        daemon.signal(signal)
        let exit = try await daemon.exit()
        #expect(exit.status == 0)
        #expect(exit.signal == nil)
      }
    }

    @Test func `that end do so before the first instruction of main, too: nothing of Swift's runtime meets them`() async throws {
      #expect(Set(Signals.held) == Set(SignalLife<ContinuousClock.Instant>.signals))
      var ended = 0
      for attempt in 0..<12 {
        try await withDaemon(environment: ["SWIFT_BACKTRACE": "enable=yes,color=no"]) { daemon, _ in
          // Other tests begin when the program has been there for a while; here it has just begun, and its libraries are being loaded.
          try await until { Self.program(of: daemon.pid)?.hasSuffix("/zinxd") == true }
          // Later and later, so that some of them meet each part of that, however fast the machine is.
          try await Task.sleep(for: .milliseconds(attempt * attempt))
          daemon.signal(SIGQUIT)
          let exit = try await daemon.exit()
          // Before the loader has come to us it is the kernel's: the process ends without a word.
          #expect(exit.status == 0 || exit.signal == SIGQUIT)
          #expect(daemon.errorLines.allSatisfy { !$0.contains("acktrac") }, "\(daemon.errorLines)")
          if exit.status == 0 { ended += 1 }
        }
      }
      #expect(ended > 0)
    }

    /// The path of the program that a process runs.
    private static func program(of pid: pid_t) -> String? {
      var bytes = [CChar](repeating: 0, count: 4096)
      let count = readlink("/proc/\(pid)/exe", &bytes, bytes.count)
      return count > 0 ? String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    @Test("that come during the start wait for its end: a reload that changes nothing, a status")
    func duringStart() async throws {
      try await withDaemon { daemon, _ in
        try await caught(SIGUSR2, by: daemon)
        for signal in [SIGHUP, SIGUSR1, SIGUSR2] { daemon.signal(signal) }
        try await daemon.line(containing: "configuration reloaded: nothing changed")
        try await daemon.line(containing: "status: 0/12000 connections")
        try await daemon.line(containing: "upgrade refused: ")
        #expect(try await FakePeer.greeted(by: try await daemon.port()).ask(0) == "ping...ping...ping")
      }
    }

    @Test("SIGUSR1 writes a summary to the log, SIGUSR2 says that there is nothing to upgrade to, and nobody notices")
    func user() async throws {
      try await withDaemon { daemon, _ in
        let peer = try await FakePeer.greeted(by: try await daemon.port())
        #expect(try await peer.ask(0) == "ping...ping...ping")
        daemon.signal(SIGUSR1)
        let status = try await daemon.line(containing: "status: 1/12000 connections; up ")
        #expect(status.contains("NOTICE"))
        #expect(status.contains(" of 10 workers busy"))
        try await daemon.line(containing: "connections since the start: 1 accepted, 0 refused, 0 not added, 0 ended")
        try await daemon.line(containing: "messages since the start: 1 received (")
        try await daemon.line(containing: "listeners: zinx 127.0.0.1:")
        daemon.signal(SIGUSR2)
        #expect(try await daemon.line(containing: "upgrade refused: ").contains("there is nothing to upgrade to"))
        #expect(try await peer.ask(1) == "Hello Zinx Router V0.9")
        #expect(!daemon.errorLines.contains { $0.contains("draining") })
      }
    }

    @Test("that end leave a question unanswered: the process ends by them")
    func question() async throws {
      let folder = try TestFolder()
      let asked = Recorder<Bool>()
      let gate = BlockingGate()
      let listener = try ControlListener(path: "\(folder.path)/control.sock")
      let greeting = ControlProtocol.hello(program: "zinxd", version: "0").description
      let socket = try ControlSocket([listener], greeting: greeting) { request, _, write in
        asked.append(true)
        gate.pass()
        _ = write(ControlProtocol.answer(request.id, [:]).description)
      }
      defer { socket.close() }
      try await withDaemon(local(), ["--reload"], environment: ["RUNTIME_DIRECTORY": folder.path]) { daemon, _ in
        try await asked.wait(for: 1)
        daemon.signal(SIGTERM)
        #expect(try await daemon.exit().signal == SIGTERM)
      }
      gate.open()
    }
  }
}

@Suite("The report of SIGUSR1")
struct ReportTests {
  @Test("has what happened, with its reasons in order")
  func report() {
    let counters = Counters()
    for reason: CloseReason in [.reset, .peerClosed, .peerClosed] { counters.countClose(reason) }
    counters.countRefusal(.maxConn)
    counters.countArrivalFailure(.tlsFailed)
    let lines = Status.report(
      "2/3 connections", counters.snapshot, queuedBytes: 5, workers: 10, busy: 1, uptime: .milliseconds(61_500))
    #expect(
      lines == [
        "status: 2/3 connections; up 61 s; 5 bytes queued for peers; 1 of 10 workers busy",
        "connections since the start: 0 accepted, 1 refused (max-conn 1), 1 not added (tls-failed 1), "
          + "3 ended (peer-closed 2, reset 1)",
        "messages since the start: 0 received (0 bytes), 0 sent (0 bytes), 0 without a route, 0 not decoded, "
          + "0 handlers failed, 0 took too long",
        "also since the start: 0 before authentication, 0 skipped for a full queue, 0 skipped for other frames, 0 rests of reading, "
          + "0 waits for room, 0 rests of accepting, 0 rests of accepting for AcceptRate, 0 warnings of certificates",
      ])
  }

  @Test func `counts what zinxctl and the metrics count, one number for each everywhere`() throws {
    var counters = Counters().snapshot
    let paths: [WritableKeyPath<CounterSnapshot, UInt64>] = [
      \.connectionsAccepted, \.requestsReceived, \.bytesReceived, \.messagesSent, \.bytesSent, \.unknownMessages,
      \.unauthenticatedMessages, \.undecodableMessages, \.messagesSkipped, \.messagesUnencodable, \.handlerErrors,
      \.deadlinesExceeded, \.readPauses, \.sendWaits, \.acceptPauses, \.acceptRatePauses, \.certificateWarnings,
    ]
    for (index, path) in paths.enumerated() { counters[keyPath: path] = 7001 + UInt64(index) }
    // Whoever adds a counter has it told, or finds it here.
    let plain = Mirror(reflecting: counters).children.count { $0.value is UInt64 }
    #expect(plain == paths.count && CounterRow.all.count == paths.count)
    let lines = Status.report("", counters, queuedBytes: 0, workers: 0, busy: 0, uptime: .zero).joined(separator: "\n")
    let status = JSON.object(Controller.counters(counters))
    let metrics = OpenMetrics.text(ServerReading(counters: counters).families)
    for row in CounterRow.all {
      let number = row.value(counters)
      #expect(number > 7000)
      #expect(lines.split { !$0.isNumber }.contains { UInt64($0) == number }, "\(row.key) in the log")
      #expect(status[row.key]?.integer == Int64(number), "\(row.key) in zinxctl status")
      let label = row.label.map { "{\(row.metric.labels[0])=\"\($0)\"}" } ?? ""
      #expect(metrics.contains("\n\(row.metric.sampleName)\(label) \(number)\n"), "\(row.key) in the metrics")
    }
    #expect(Set(CounterRow.all.map { $0.value(counters) }).count == paths.count)
  }

  @Test func `has behind the connections what plugins say of themselves, or else their gauges`() {
    let metrics = [
      PluginMetric(plugin: "score", name: "points", help: "", value: .counter(12)),
      PluginMetric(plugin: "score", name: "players", help: "", value: .gauge(3)),
      PluginMetric(plugin: "chat", name: "rooms", help: "", value: .gauge(9)),
    ]
    #expect(Status.plugins([("chat", "3 rooms\u{1B}")], metrics) == "; chat: 3 rooms\\u{1B}; score: players 3")
    #expect(Status.plugins([], []) == "")
    #expect(Status.plugins([("chat", String(repeating: "x", count: 999))], []).count == 201)
  }

  @Test("has what each plugin counts in a line of its own")
  func plugins() {
    let values = PluginMetric.Distribution(bounds: [1], counts: [3, 1], sum: 5)
    let metrics = [
      PluginMetric(plugin: "score", name: "points", help: "", value: .counter(12)),
      PluginMetric(plugin: "clock", name: "listeners", help: "", value: .gauge(-1)),
      PluginMetric(plugin: "score", name: "seconds", help: "", value: .histogram(values)),
      PluginMetric(plugin: "clock", name: "none", help: "", value: .histogram(.init(bounds: [], counts: [0], sum: 0))),
    ]
    #expect(
      Status.lines(metrics) == [
        "plugin score: points 12, seconds 4 times 1.25 on average", "plugin clock: listeners -1, none 0 times",
      ])
    #expect(Status.lines([]).isEmpty)
  }
}
