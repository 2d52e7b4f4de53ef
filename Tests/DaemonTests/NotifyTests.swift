import Glibc
import NIOCore
import Systemd
import Testing
import ZinxTestKit
import ZinxWire

extension Daemons {
  @Suite("To systemd")
  struct NotifyTests {
    private let notify: NotifySocket
    private var environment: [String: String] { ["NOTIFY_SOCKET": notify.address] }

    init() throws { notify = try NotifySocket() }

    @Test("READY=1 comes when the port accepts, with the status in the same datagram")
    func ready() async throws {
      let port = try unusedPort()
      let text = #"{"Host": "127.0.0.1", "TcpPort": \#(port), "MaxConn": 3}"#
      try await withDaemon(text, environment: environment) { _, _ in
        #expect(try await notify.following() == "READY=1\nSTATUS=0/3 connections")
        // At once: the log line may not even be written yet.
        _ = try await FakePeer.greeted(by: port)
      }
    }

    @Test("works at an abstract address too")
    func abstract() async throws {
      let notify = try NotifySocket(abstract: true)
      try await withDaemon(environment: ["NOTIFY_SOCKET": notify.address]) { _, _ in
        let first = try await notify.following()
        #expect(first.hasPrefix("READY=1\n"))
      }
    }

    @Test("the status is right within a second of a change, up and down")
    func status() async throws {
      try await withDaemon(local(#""MaxConn": 3"#), environment: environment) { daemon, _ in
        let port = try await daemon.port()
        try await notify.upTo("READY=1")
        var peers: [FakePeer] = []
        for _ in 0..<3 { peers.append(try await FakePeer.greeted(by: port)) }
        var changed = ContinuousClock.now
        #expect(try await notify.upTo("STATUS=3/3 connections").allSatisfy { $0.hasPrefix("STATUS=") })
        #expect(ContinuousClock.now - changed < .seconds(1))
        changed = .now
        for peer in peers { peer.close() }
        try await notify.upTo("STATUS=0/3 connections")
        #expect(ContinuousClock.now - changed < .seconds(1))
      }
    }

    @Test("no more than two datagrams a second go out, however many connections come and go")
    func rate() async throws {
      try await withDaemon(environment: environment) { daemon, _ in
        let port = try await daemon.port()
        try await notify.upTo("READY=1")
        let storm = Task {
          while !Task.isCancelled {
            var peers: [FakePeer] = []
            for _ in 0..<50 where !Task.isCancelled { peers.append(try await FakePeer.greeted(by: port)) }
          }
        }
        try await notify.upTo("STATUS=")
        let first = ContinuousClock.now
        for _ in 0..<4 { #expect(try await notify.following().hasPrefix("STATUS=")) }
        // Four gaps of half a second, less what the first was late in coming here.
        #expect(ContinuousClock.now - first > .milliseconds(1900))
        storm.cancel()
        _ = await storm.result
      }
    }

    @Test("a reload is RELOADING=1 with the time in one datagram, then READY=1")
    func reload() async throws {
      try await withDaemon(environment: environment) { daemon, _ in
        try await notify.upTo("READY=1")
        let before = ServiceManager.monotonicMicroseconds()
        daemon.signal(SIGHUP)
        let reloading = try await notify.following().split(separator: "\n")
        #expect(reloading.count == 2)
        #expect(reloading.first == "RELOADING=1")
        let microseconds = try #require(reloading.last?.wholeMatch(of: /MONOTONIC_USEC=(\d+)/)?.1)
        #expect((before...ServiceManager.monotonicMicroseconds()).contains(try #require(UInt64(microseconds))))
        #expect(try await notify.following() == "READY=1\nSTATUS=0/12000 connections")
      }
    }

    @Test("a drain is STOPPING=1 with the number that is left, kept current, and asks for time as long as it goes on")
    func drain() async throws {
      let plugins = #""Plugins": {"greeting": {}, "echo": {"Delay": 2}}"#
      try await withDaemon(local(plugins), environment: environment) { daemon, _ in
        let port = try await daemon.port()
        let idle = try await FakePeer.greeted(by: port)
        let busy = try await FakePeer.greeted(by: port)
        try await busy.send(3, "slow")
        try await notify.upTo("STATUS=2/12000 connections")
        daemon.signal(SIGTERM)
        #expect(try await notify.upTo("STOPPING=1").last == "STOPPING=1\nSTATUS=Draining: 2 connections left")
        #expect(try await idle.readToEnd().isEmpty)
        idle.close()
        let rest = try await notify.upTo("STATUS=Draining: 1 connections left")
        #expect(!rest.contains { $0.contains("READY=1") })
        let request = try await notify.upTo("EXTEND_TIMEOUT_USEC=").last
        #expect(try #require(request?.split(separator: "=").last.flatMap { Int($0) }) > 1_000_000)
        #expect(String(buffer: try await busy.receive().data) == "slow")
        busy.close()
        #expect(try await daemon.exit().status == 0)
      }
    }
  }
}

/// A port of this machine that nobody listens on, below those that the kernel gives to whoever connects.
private func unusedPort() throws -> UInt16 {
  while true {
    let port = UInt16.random(in: 20_000..<32_000)
    if (try? FakeServer(port: port)) != nil { return port }
  }
}
