import NIOCore
import Testing
import ZinxTestKit
import ZinxWire

extension Daemons {
  @Suite("The watchdog")
  struct WatchdogTests {
    private let notify: NotifySocket
    private var environment: [String: String] { ["NOTIFY_SOCKET": notify.address, "WATCHDOG_USEC": "400000"] }

    init() throws { notify = try NotifySocket() }

    @Test("is fed at half of its time")
    func fed() async throws {
      try await withDaemon(environment: environment) { _, _ in
        try await notify.upTo("WATCHDOG=1")
        let first = ContinuousClock.now
        for _ in 0..<5 { try await notify.upTo("WATCHDOG=1") }
        // Five times 200 ms, each up to a look of 100 ms late.
        #expect((Duration.milliseconds(800)...Duration.milliseconds(1900)).contains(ContinuousClock.now - first))
      }
    }

    @Test("is not fed when it watches another process, or when nobody does")
    func unwatched() async throws {
      for variables in [["WATCHDOG_USEC": "400000", "WATCHDOG_PID": "1"], [:]] {
        let environment = variables.merging(["NOTIFY_SOCKET": notify.address]) { one, _ in one }
        try await withDaemon(environment: environment) { daemon, _ in
          try await notify.upTo("READY=1")
          let peer = try await FakePeer.greeted(by: try await daemon.port())
          #expect(!(try await notify.upTo("STATUS=1/")).contains { $0.contains("WATCHDOG") })
          peer.close()
          #expect(!(try await notify.upTo("STATUS=0/")).contains { $0.contains("WATCHDOG") })
        }
      }
    }

    @Test("is not fed while an event loop hangs, and fed again when it goes on")
    func hangingLoop() async throws {
      let text = local(#""WorkerPoolSize": 0, "Plugins": {"echo": {"Delay": 2, "Blocking": true}}"#)
      try await withDaemon(text, environment: environment) { daemon, _ in
        let peer = try await FakePeer.connect(to: try await daemon.port())
        try await notify.upTo("WATCHDOG=1")
        try await peer.send(3, "hold")
        let line = try await daemon.line(containing: "event loops do not answer, the watchdog is not fed: [0]")
        #expect(line.contains("ERROR"))
        _ = notify.pending()
        try await daemon.line(containing: "event loops do not answer", count: 4)
        #expect(!notify.pending().contains { $0.contains("WATCHDOG=1") })
        #expect(String(buffer: try await peer.receive().data) == "hold")
        try await notify.upTo("WATCHDOG=1")
      }
    }

    @Test("is fed while a worker is held in a handler")
    func blockedWorker() async throws {
      let text = local(#""WorkerPoolSize": 1, "Plugins": {"greeting": {}, "echo": {"Delay": 2, "Blocking": true}}"#)
      try await withDaemon(text, environment: environment) { daemon, _ in
        let peer = try await FakePeer.greeted(by: try await daemon.port())
        try await peer.send(3, "hold")
        // The request is with the worker by now, or will be before the second of these.
        try await notify.upTo("STATUS=1/")
        for _ in 0..<3 { try await notify.upTo("WATCHDOG=1") }
        #expect(!daemon.errorLines.contains { $0.contains("do not answer") })
        #expect(String(buffer: try await peer.receive().data) == "hold")
      }
    }
  }
}
