import Glibc
import Testing
import ZinxPlugins
import ZinxTestKit
import ZinxWire

@testable import Zinx

@Suite("A heartbeat", .timeLimit(.minutes(1)))
struct HeartbeatTests {
  private static let beat = RawFrame(99_999)

  private static func heartbeat(
    _ change: (inout Heartbeat) -> Void = { _ in }
  ) -> (inout RouteRegistrar) -> Void {
    var heartbeat = Heartbeat()
    change(&heartbeat)
    return { routes in
      // Time-outs that are shorter than those of a server, for the test's sake.
      routes.heartbeat(LiveHeartbeat(heartbeat, grace: .zero))
      routes.route(7, echo)
    }
  }

  @Test("is answered in kind, once a second for each connection and no more", arguments: pools)
  func answered(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: Self.heartbeat()) { server in
      for _ in 0..<2 {
        let peer = try server.connect()
        try await peer.send([RawFrame(99_999, "one"), RawFrame(99_999, "two"), RawFrame(7, "three")])
        #expect(try await peer.frames(2) == [RawFrame(99_999, "one"), RawFrame(7, "three")])
      }
      #expect(server.server.counters.unknownMessages == 0)
    }
  }

  @Test("that is not to be answered is no message without a route either", arguments: pools)
  func unanswered(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: Self.heartbeat { $0.answers = false }) { server in
      let peer = try server.connect()
      try await peer.send([Self.beat, RawFrame(7, "?")])
      #expect(try await peer.frame() == RawFrame(7, "?"))
      #expect(server.server.counters.unknownMessages == 0)
      try await until { server.server.counters.requestsReceived == 2 }
    }
  }

  @Test(
    "of Go Zinx, as its client writes it, is answered with the same bytes", arguments: [DataPack.tlvBigEndian, .ltvLittleEndian])
  func goZinx(pack: DataPack) async throws {
    let configuration = ServerConfiguration.test { $0.dataPack = pack }
    let plugins = ExchangeTests.tutorialPlugins()
    try await TestServer.run(configuration, plugins: plugins) { server in
      let peer = try server.connect()
      #expect(try await peer.frame(pack).id == 2)
      // Id 99999 is 0x1869f; the data is what the client makes of the two addresses.
      let data = Array("heartbeat [127.0.0.1:52134->127.0.0.1:8999]".utf8)
      let header: [UInt8] = pack == .tlvBigEndian ? [0, 1, 0x86, 0x9f, 0, 0, 0, 43] : [43, 0, 0, 0, 0x9f, 0x86, 1, 0]
      try await peer.send(header + data)
      #expect(try await peer.receive(51) == header + data)
    }
  }

  @Test("is sent to a peer that is silent, again and again, and not to one that speaks", arguments: pools)
  func sent(workers: Int) async throws {
    let register = Self.heartbeat { $0.interval = .milliseconds(400) }
    try await TestServer.run(.test(workers: workers), register: register) { server in
      let (silent, speaker) = (try server.connect(), try server.connect())
      let beats = Task { try await silent.frames(3) }
      let isOver = Recorder<Bool>()
      Task {
        _ = await beats.result
        isOver.append(true)
      }
      // One answer a round: a heartbeat among them would be noticed.
      while isOver.count == 0 {
        #expect(try await speaker.exchange(RawFrame(7, "?")) == RawFrame(7, "?"))
        _ = try await onThread { usleep(10_000) }
      }
      #expect(try await beats.value == Array(repeating: Self.beat, count: 3))
    }
  }

  @Test("that nobody answers closes the connection, with the reason, and not that of a peer that does", arguments: pools)
  func lost(workers: Int) async throws {
    let register = Self.heartbeat {
      $0.interval = .milliseconds(300)
      $0.timeout = .milliseconds(1000)
    }
    try await TestServer.run(.test(workers: workers), register: register) { server in
      let dead = try server.connect()
      _ = try await server.connection(0)
      let alive = try server.connect()
      let answering = Task {
        while true {
          let frame = try await alive.frame()
          // What it hears may be the answer to its own.
          if frame == Self.beat { try await alive.send(RawFrame(99_999, "here")) }
        }
      }
      #expect(try await dead.receiveAll() == (0..<3).flatMap { _ in Self.beat.bytes() })
      dead.close()
      #expect(try await server.reason(0) == .heartbeatLost)
      #expect(server.server.counters.connectionsClosed == [.heartbeatLost: 1])
      #expect(server.connManager.count == 1)
      answering.cancel()
    }
  }

  @Test("has a time-out that works without an interval; every byte puts it off", arguments: pools)
  func timeoutAlone(workers: Int) async throws {
    let register = Self.heartbeat { $0.timeout = .milliseconds(300) }
    try await TestServer.run(.test(workers: workers), register: register) { server in
      let peer = try server.connect()
      let begin = ContinuousClock.now
      while begin.duration(to: .now) < .milliseconds(600) {
        #expect(try await peer.exchange(RawFrame(7, "?")) == RawFrame(7, "?"))
      }
      #expect(try await peer.receiveAll() == [])
      peer.close()
      #expect(try await server.reason() == .heartbeatLost)
    }
  }

  @Test("is not lost while the server works on a request, and the peer is told meanwhile that it lives", arguments: pools)
  func working(workers: Int) async throws {
    let gate = Gate()
    let configuration = ServerConfiguration.test(workers: workers)
    let heartbeat = Self.heartbeat {
      $0.interval = .milliseconds(100)
      $0.timeout = .milliseconds(250)
    }
    try await TestServer.run(configuration) { routes in
      heartbeat(&routes)
      routes.route(8) { request in
        try await gate.pass()
        try await echo(request)
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(8, "slow"))
      #expect(try await peer.frames(6) == Array(repeating: Self.beat, count: 6))
      gate.open()
      var answer = try await peer.frame()
      while answer == Self.beat { answer = try await peer.frame() }
      #expect(answer == RawFrame(8, "slow"))
    }
  }

  @Test("is not sent to a peer that takes nothing of what waits for it", arguments: pools)
  func notToSlow(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxMsgChanLen = 4 }
    let register = Self.heartbeat { $0.interval = .milliseconds(50) }
    try await TestServer.run(configuration, register: register) { server in
      let (slow, silent) = (try server.connect(receiveBuffer: 64 << 10), try server.connect())
      let sent = try SendingTests.fill(try await server.connection(0))
      #expect(try await silent.frames(5) == Array(repeating: Self.beat, count: 5))
      #expect(try await slow.frames(sent).count { $0.id == 99_999 } <= 1)
    }
  }
}
