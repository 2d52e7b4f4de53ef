import NIOCore
import Synchronization
import Testing
import ZinxIO
import ZinxTestKit

@testable import Zinx

@Suite("A peer that begins and does not go on", .timeLimit(.minutes(1)))
struct FrameTimeoutTests {
  private static func configuration(
    _ workers: Int, _ change: (inout ServerConfiguration) -> Void = { _ in }
  ) -> ServerConfiguration {
    .test(workers: workers) {
      $0.frameTimeout = .milliseconds(200)
      change(&$0)
    }
  }

  @Test("half a header closes with header-timeout, after what came before it is answered", arguments: pools, [1, 7])
  func header(workers: Int, length: Int) async throws {
    try await TestServer.run(Self.configuration(workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let good = RawFrame(7, "good").bytes()
      try await peer.send(good + RawFrame(7, "four").bytes().prefix(length))
      #expect(try await peer.receiveAll() == good)
      peer.close()
      #expect(try await server.reason() == .headerTimeout)
      #expect(server.server.counters.connectionsClosed == [.headerTimeout: 1])
    }
  }

  @Test("a body that does not come closes with body-timeout", arguments: pools, [8, 11])
  func body(workers: Int, length: Int) async throws {
    try await TestServer.run(Self.configuration(workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      try await peer.send(Array(RawFrame(7, "four").bytes().prefix(length)))
      #expect(try await peer.receiveAll() == [])
      peer.close()
      #expect(try await server.reason() == .bodyTimeout)
      #expect(server.server.counters.connectionsClosed == [.bodyTimeout: 1])
    }
  }

  @Test("a body that is dribbled closes with body-timeout, though no gap is long", arguments: pools, [0, 1000])
  func dribble(workers: Int, rate: Int) async throws {
    let configuration = Self.configuration(workers) { $0.minFrameRate = rate }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      try await peer.send(RawFrame.header(7, length: 4000))
      var sent = 0
      while try await peer.isQuiet(milliseconds: 10), sent < 4000 {
        try await peer.send([1])
        sent += 1
      }
      #expect(try await peer.receiveAll() == [])
      #expect(sent < 1000)
      peer.close()
      #expect(try await server.reason() == .bodyTimeout)
    }
  }

  @Test("a body that keeps to the least rate may take longer than the time for a frame", arguments: pools)
  func steady(workers: Int) async throws {
    let configuration = Self.configuration(workers) { $0.minFrameRate = 1000 }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let frame = RawFrame(7, [UInt8](repeating: 1, count: 4000))
      let begin = ContinuousClock.now
      // A start ahead of the least rate by three seconds, which no stall of the machine takes.
      try await peer.send(Array(frame.bytes()[..<3008]))
      var sent = 3008
      while begin.duration(to: .now) < .milliseconds(600) {
        #expect(try await peer.isQuiet(milliseconds: 50))
        try await peer.send([1])
        sent += 1
      }
      try await peer.send(Array(frame.bytes()[sent...]))
      #expect(try await peer.frame() == frame)
    }
  }

  @Test("the time in which earlier requests are handled does not count, nor do whole frames behind them", arguments: pools)
  func slowHandler(workers: Int) async throws {
    let gate = Gate()
    try await TestServer.run(Self.configuration(workers)) { routes in
      routes.route(7) { request in
        try await gate.pass()
        try await echo(request)
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(7, "first"))
      try await peer.send(RawFrame(7, "second").bytes() + RawFrame(7, "third").bytes().prefix(3))
      #expect(try await peer.isQuiet(milliseconds: 600))
      gate.open()
      #expect(try await peer.receiveAll() == RawFrame(7, "first").bytes() + RawFrame(7, "second").bytes())
      peer.close()
      #expect(try await server.reason() == .headerTimeout)
    }
  }

  @Test("the time in which the worker has no room does not count")
  func fullWorker() async throws {
    let gate = Gate()
    let configuration = Self.configuration(1) { $0.maxWorkerTaskLen = 1 }
    try await TestServer.run(configuration) { routes in
      routes.route(8) { _ in try await gate.pass() }
      routes.route(7, echo)
    } use: { server in
      let other = try server.connect()
      _ = try await server.connection(0)
      try await other.send(RawFrame(8))
      try await until { server.server.counters.bytesReceived == 8 }
      let peer = try server.connect()
      try await peer.send(RawFrame(7, "waits").bytes() + RawFrame(7, "half").bytes().prefix(3))
      #expect(try await peer.isQuiet(milliseconds: 600))
      gate.open()
      #expect(try await peer.receiveAll() == RawFrame(7, "waits").bytes())
      peer.close()
      #expect(try await server.reason(1) == .headerTimeout)
    }
  }

  @Test("the time in which the peer's full queue keeps us from reading does not count", arguments: pools)
  func fullQueue(workers: Int) async throws {
    var configuration = ServerConfiguration.test(workers: workers) {
      $0.maxMsgChanLen = 1
      $0.slowConsumerTimeout = .seconds(60)
    }
    try await TestServer.run(configuration) { server in
      let peer = try server.connect(receiveBuffer: 8 << 10)
      let connection = try await server.connection()
      try await peer.send([1, 2, 3])
      try await until { server.server.counters.bytesReceived == 3 }
      var count = 0
      // Until the kernel takes no more and one message waits.
      while connection.outbox.withLock({ $0.blockedSince == nil || $0.messages == 0 }) {
        do { try connection.trySendBuffMsg(1, SendingTests.block) } catch ZinxError.sendBufferFull {
          await Task.yield()
          continue
        }
        count += 1
      }
      configuration.frameTimeout = .milliseconds(200)
      server.server.apply(configuration)
      let other = try server.connect()
      #expect(try await other.isQuiet(milliseconds: 600))
      #expect(server.connManager.count == 2)
      let frame = RawFrame(1, Array(buffer: SendingTests.block)).bytes()
      #expect(try await peer.receiveAll().count == count * frame.count)
      peer.close()
      #expect(try await server.reason() == .headerTimeout)
    }
  }

  @Test(
    "a frame that came while the loop was busy is not late, however many others came too",
    arguments: [Duration.zero, .seconds(2)])
  func busyLoop(idle: Duration) async throws {
    let gate = BlockingGate()
    let begun = Recorder<Int>()
    let configuration = ServerConfiguration.test {
      $0.ioThreads = 1
      $0.frameTimeout = .seconds(2)
      $0.idleTimeout = idle
    }
    try await TestServer.run(configuration) { routes in
      routes.route(7, echo)
      routes.route(8) { _ in
        begun.append(1)
        gate.pass()
      }
    } use: { server in
      // More than the loop is told of in one wake-up.
      let peers = try (0..<700).map { _ in try server.connect() }
      let frame = RawFrame(7, "four")
      for peer in peers { try await peer.send(Array(frame.bytes()[..<4])) }
      try await until { server.server.counters.bytesReceived == 4 * peers.count }
      let blocker = try server.connect()
      try await blocker.send(RawFrame(8))
      try await begun.wait(for: 1)
      for peer in peers { try await peer.send(Array(frame.bytes()[4...])) }
      #expect(try await blocker.isQuiet(milliseconds: 2100))
      gate.open()
      for peer in peers { #expect(try await peer.frame() == frame) }
    }
  }

  @Test("a peer that sends nothing at all is closed with no-first-byte; one that has sent a byte is not", arguments: pools)
  func firstByte(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.firstByteTimeout = .milliseconds(200) }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let speaks = try server.connect()
      #expect(try await speaks.exchange(RawFrame(7, "here")).text == "here")
      let silent = try server.connect()
      #expect(try await silent.receiveAll() == [])
      silent.close()
      #expect(try await server.reason(1) == .noFirstByte)
      #expect(try await speaks.isQuiet(milliseconds: 300))
      #expect(try await speaks.exchange(RawFrame(7, "still")).text == "still")
      #expect(server.server.counters.connectionsClosed == [.noFirstByte: 1])
    }
  }

  @Test("a peer that is kept waiting by OnConnStart is not late with its first byte", arguments: pools)
  func firstByteAfterHook(workers: Int) async throws {
    let gate = Gate()
    let configuration = ServerConfiguration.test(workers: workers) { $0.firstByteTimeout = .milliseconds(100) }
    try await TestServer.run(configuration) { routes in
      routes.onConnStart { _ in try await gate.pass() }
    } use: { server in
      let peer = try server.connect()
      #expect(try await peer.isQuiet(milliseconds: 400))
      gate.open()
      #expect(try await peer.receiveAll() == [])
      peer.close()
      #expect(try await server.reason() == .noFirstByte)
    }
  }

  @Test("a reload of the time-outs holds for the connections that are there", arguments: pools)
  func reload(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { server in
      let half = try server.connect()
      _ = try await server.connection(0)
      try await half.send([1, 2, 3])
      let silent = try server.connect()
      _ = try await server.connection(1)
      try await until { server.server.counters.bytesReceived == 3 }
      server.server.apply(
        .test(workers: workers) {
          $0.frameTimeout = .milliseconds(50)
          $0.firstByteTimeout = .milliseconds(50)
        })
      for peer in [half, silent] {
        #expect(try await peer.receiveAll() == [])
        peer.close()
      }
      #expect(try await server.reason(0) == .headerTimeout)
      #expect(try await server.reason(1) == .noFirstByte)
    }
  }

  @Test("a drain does not wait for half a frame", arguments: pools, [3, 9])
  func drain(workers: Int, length: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let good = RawFrame(7, "good").bytes()
      try await peer.send(good + RawFrame(7, "four").bytes().prefix(length))
      #expect(try await peer.receive(good.count) == good)
      async let cut = server.server.drain(timeout: .seconds(20))
      #expect(try await peer.receiveAll() == [])
      peer.close()
      #expect(await cut == 0)
      #expect(try await server.reason() == .draining)
    }
  }

  @Test("a connection between frames has no timer, and a frame that comes whole sets none", arguments: pools)
  func noTimer(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let connection = try await server.connection()
      for _ in 0..<10 { _ = try await peer.exchange(RawFrame(7, "whole")) }
      #expect(await hasTimer(connection) == false)
      try await peer.send([1])
      try await until { server.server.counters.bytesReceived == 10 * 13 + 1 }
      #expect(await hasTimer(connection))
    }
  }

  private func hasTimer(_ connection: Connection) async -> Bool {
    await withCheckedContinuation { done in
      connection.context.loop.execute { done.resume(returning: connection.timer != nil) }
    }
  }
}
