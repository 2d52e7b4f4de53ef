import Glibc
import NIOCore
import Synchronization
import Testing
import ZinxIO
import ZinxTestKit

@testable import Zinx

@Suite("A peer that does not do its part", .timeLimit(.minutes(1)))
struct PeerTimeoutTests {
  @Test("a peer that takes nothing is closed as a slow consumer; others are served meanwhile", arguments: pools)
  func slowConsumer(workers: Int) async throws {
    let reasons = Recorder<CloseReason>()
    let configuration = ServerConfiguration.test(workers: workers) {
      $0.maxMsgChanLen = 4
      $0.slowConsumerTimeout = .milliseconds(300)
    }
    try await TestServer.run(configuration) { routes in
      routes.route(7) { request in while true { try await request.connection.sendBuffMsg(1, SendingTests.block) } }
      routes.route(8, echo)
      routes.onConnStop { connection, reason in if connection.id == 0 { reasons.append(reason) } }
    } use: { server in
      let slow = try server.connect(receiveBuffer: 8 << 10)
      _ = try await server.connection(0)
      try await slow.send(RawFrame(7))
      let other = try server.connect()
      while server.connManager.count == 2 || reasons.count == 0 {
        #expect(try await other.exchange(RawFrame(8, "quick")).text == "quick")
      }
      #expect(try await server.reason(0) == .slowConsumer)
      #expect(reasons.all == [.slowConsumer])
    }
  }

  @Test(
    "a peer that takes a little now and then is a slow consumer too, unless any speed will do", arguments: pools,
    [0, 100_000_000])
  func dribblingReader(workers: Int, rate: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) {
      $0.slowConsumerTimeout = .milliseconds(500)
      $0.minFrameRate = rate
    }
    try await TestServer.run(configuration) { routes in
      routes.route(7) { request in while true { try await request.connection.sendBuffMsg(1, SendingTests.block) } }
    } use: { server in
      let peer = try server.connect(receiveBuffer: 32 << 10)
      try await peer.send(RawFrame(7))
      let begin = ContinuousClock.now
      let other = try server.connect()
      do {
        while server.ended.isEmpty, begin.duration(to: .now) < .seconds(3) {
          _ = try await peer.receiveSome(upTo: 8 << 10)
          #expect(try await other.isQuiet(milliseconds: 5))
        }
      } catch RawPeer.Failure.reset {}
      #expect(server.ended.map(\.1) == (rate == 0 ? [] : [.slowConsumer]))
    }
  }

  @Test(
    "time in which the event loop was kept from a peer whose bytes came meanwhile is not the peer's", arguments: [false, true])
  func lateLoop(insideFrame: Bool) async throws {
    let (first, second) = (BlockingGate(), BlockingGate())
    let begun = Recorder<String>()
    let configuration = ServerConfiguration.test {
      $0.ioThreads = 1
      if insideFrame { $0.frameTimeout = .milliseconds(400) } else { $0.idleTimeout = .milliseconds(400) }
    }
    try await TestServer.run(configuration) { routes in
      routes.route(6) { _ in
        begun.append("first")
        first.pass()
      }
      routes.route(7) { _ in
        begun.append("second")
        second.pass()
      }
      routes.route(8, echo)
    } use: { server in
      let peers = try (0..<3).map { _ in try server.connect() }
      _ = try await server.connection(2)
      let peer = peers[2]
      // One wake-up finds both the one that will block the loop and the peer.
      try await peers[0].send(RawFrame(6))
      try await begun.wait(for: "first")
      try await peers[1].send(RawFrame(7))
      try await peer.send(RawFrame(8, "early"))
      first.open()
      try await begun.wait(for: "second")
      _ = try await onThread { usleep(600_000) }
      let rest = insideFrame ? [UInt8](repeating: 0, count: 3) : []
      try await peer.send(RawFrame(8, "late").bytes() + rest)
      second.open()
      #expect(try await peer.frames(2).map(\.text) == ["early", "late"])
      #expect(try await peer.isQuiet(milliseconds: 200))
      #expect(try await peer.receiveAll() == [])
      #expect(try await server.reason(2) == (insideFrame ? .headerTimeout : .idle))
    }
  }

  @Test("a peer that does not read its answers is not read any more either", arguments: pools)
  func backPressure(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) {
      $0.maxMsgChanLen = 4
      $0.maxPacketSize = 64 << 10
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect(receiveBuffer: 64 << 10)
      let all = RawFrame(7, [UInt8](repeating: 1, count: 16 << 10)).bytes(times: 2000)
      let sent = try await peer.sendUntilBlocked(all)
      #expect(sent < all.count)
      let held = await memory(of: try await server.connection())
      #expect(held.messages <= 4)
      #expect(held.inbox <= 256 << 10)
      async let answers = peer.receive(all.count)
      try await peer.send(Array(all[sent...]))
      #expect(try await answers == all)
    }
  }

  @Test("what waits of a peer that always sends more than is handled takes no more memory with time", arguments: pools)
  func inboxMemory(workers: Int) async throws {
    let capacities = Recorder<Int>()
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxPacketSize = 16 << 10 }
    try await TestServer.run(configuration) { routes in
      routes.route(7) { request in
        capacities.append(await memory(of: request.connection).capacity)
        try await echo(request)
      }
    } use: { server in
      let peer = try server.connect()
      let all = RawFrame(7, [UInt8](repeating: 1, count: 16 << 10)).bytes(times: 1000)
      async let answers = peer.receive(all.count)
      try await peer.send(all)
      #expect(try await answers == all)
      #expect((1...512 << 10).contains(capacities.all.max() ?? 0))
    }
  }

  /// What a connection keeps: messages for the peer, bytes from it, and the memory for these.
  private func memory(of connection: Connection) async -> (messages: Int, inbox: Int, capacity: Int) {
    await withCheckedContinuation { done in
      connection.context.loop.execute {
        let messages = connection.outbox.withLock { $0.messages }
        let inbox = connection.inbox
        done.resume(returning: (messages, inbox?.readableBytes ?? 0, inbox?.storageCapacity ?? 0))
      }
    }
  }

  @Test("a peer that says nothing for the idle time-out is closed", arguments: pools, [0, 1])
  func idle(workers: Int, requests: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.idleTimeout = .milliseconds(200) }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      for _ in 0..<requests { _ = try await peer.exchange(RawFrame(7)) }
      #expect(try await peer.receiveAll() == [])
      peer.close()
      #expect(try await server.reason() == .idle)
    }
  }

  @Test("a peer that stops in the middle of a frame is idle too", arguments: pools)
  func idleInFrame(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.idleTimeout = .milliseconds(200) }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      try await peer.send(RawFrame.header(7, length: 5))
      #expect(try await peer.receiveAll() == [])
      peer.close()
      #expect(try await server.reason() == .idle)
    }
  }

  @Test("a peer that waits for its answer is not idle", arguments: pools)
  func notIdle(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.idleTimeout = .milliseconds(50) }
    let gate = Gate()
    try await TestServer.run(configuration) { routes in
      routes.route(7) { request in
        try await gate.pass()
        try await echo(request)
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(7, "slow"))
      #expect(try await peer.isQuiet(milliseconds: 300))
      gate.open()
      #expect(try await peer.frame().text == "slow")
      #expect(try await peer.receiveAll() == [])
      peer.close()
      #expect(try await server.reason() == .idle)
    }
  }

  @Test("a reload starts the idle time of the connections that are there")
  func idleReload() async throws {
    try await TestServer.run { server in
      let peer = try server.connect()
      _ = try await server.connection()
      server.server.apply(.test { $0.idleTimeout = .milliseconds(50) })
      #expect(try await peer.receiveAll() == [])
      peer.close()
      #expect(try await server.reason() == .idle)
    }
  }

  @Test("a peer that resets is told apart from one that closes", arguments: pools)
  func reset(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      _ = try await peer.exchange(RawFrame(7))
      peer.reset()
      #expect(try await server.reason() == .reset)
    }
  }

  @Test("a peer that does not close after we have is closed when the linger time-out is over", arguments: pools)
  func linger(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.lingerTimeout = .milliseconds(100) }
    try await TestServer.run(configuration) { server in
      let peer = try server.connect()
      try await server.connection().stop()
      #expect(try await peer.receiveAll() == [])
      #expect(try await server.reason() == .stopped)
      _ = peer
    }
  }

  /// A peer with 120 answers of 10 000 bytes on their way to it, and a connection that lingers for 400 ms. `glance` takes 40 ms.
  private func lingering(
    workers: Int, minFrameRate: Int = 256,
    _ body: @escaping @Sendable (TestServer, RawPeer, _ glance: () async throws -> Void) async throws -> Void
  ) async throws {
    let block = ByteBuffer(repeating: 1, count: 10_000)
    let configuration = ServerConfiguration.test(workers: workers) {
      $0.lingerTimeout = .milliseconds(400)
      $0.minFrameRate = minFrameRate
    }
    try await TestServer.run(configuration) { routes in
      routes.route(7) { request in for _ in 0..<120 { try await request.connection.sendBuffMsg(1, block) } }
      routes.route(8) { request in
        try await Task.sleep(for: .milliseconds(40))
        try await echo(request)
      }
    } use: { server in
      let peer = try server.connect(receiveBuffer: 32 << 10)
      let connection = try await server.connection()
      try await peer.send(RawFrame(7))
      try await until { server.server.counters.messagesSent == 120 }
      connection.drain()
      try await until { connection.isClosed }
      let other = try server.connect()
      try await body(server, peer) { _ = try await other.exchange(RawFrame(8)) }
    }
  }

  @Test("a peer that reads slower than MinFrameRate is not waited for longer than the linger time-out", arguments: pools)
  func lingerWhileDribbling(workers: Int) async throws {
    try await lingering(workers: workers, minFrameRate: 100_000_000) { server, peer, glance in
      var reads = 0
      while server.ended.isEmpty, reads < 100 {
        _ = try? await peer.receive(10_000)
        reads += 1
        try await glance()
      }
      #expect(reads < 100)
      #expect(try await server.reason() == .draining)
    }
  }

  @Test("a peer that is still reading when the linger time-out is over gets all of its answers", arguments: pools)
  func lingerWhileReading(workers: Int) async throws {
    try await lingering(workers: workers) { server, peer, glance in
      // The answers lie in the kernel, which drops them when we close with this peer still sending.
      var count = 0
      for _ in 0..<30 {
        try? await peer.send([0])
        count += try await peer.receive(10_000).count
        try await glance()
      }
      count += try await peer.receiveAll().count
      #expect(count == 120 * 10_008)
      peer.close()
      #expect(try await server.reason() == .draining)
    }
  }
}
