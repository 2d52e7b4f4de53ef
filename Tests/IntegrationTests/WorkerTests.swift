import NIOCore
import Testing
import Zinx
import ZinxTestKit

@Suite("Workers", .timeLimit(.minutes(1)))
struct WorkerTests {
  @Test("a handler that blocks its worker holds back no connection of another worker, and no input or output")
  func blocking() async throws {
    let gate = BlockingGate()
    let begun = Recorder<Int>()
    try await TestServer.run(.test(workers: 2)) { routes in
      routes.route(7) { request in
        begun.append(1)
        gate.pass()
        try await echo(request)
      }
      routes.route(8, echo)
    } use: { server in
      let peers = try (0..<6).map { _ in try server.connect() }
      _ = try await server.connection(5)
      try await peers[0].send(RawFrame(7, "blocked"))
      try await begun.wait(for: 1)
      for index in [1, 3, 5] { #expect(try await peers[index].exchange(RawFrame(8, "quick")).text == "quick") }
      let busy = server.server.workerBusyTimes
      #expect(busy[0] > .zero)
      try await peers[2].send(RawFrame(8, "behind"))
      // To a connection of the blocked worker others can still send.
      try await server.connection(2).sendMsg(9, ByteBuffer(string: "from outside"))
      #expect(try await peers[2].frame().text == "from outside")
      gate.open()
      #expect(try await peers[0].frame().text == "blocked")
      #expect(try await peers[2].frame().text == "behind")
    }
  }

  @Test("a worker is handed as many requests as allowed and not one more, and nothing is lost when it goes on")
  func bound() async throws {
    let gate = BlockingGate()
    let handled = Recorder<Int>()
    let configuration = ServerConfiguration.test(workers: 1) {
      $0.maxWorkerTaskLen = 10
      $0.maxPacketSize = 16 << 10
    }
    try await TestServer.run(configuration) { routes in
      routes.route(7) { request in
        handled.append(1)
        gate.pass()
        try await echo(request)
      }
    } use: { server in
      let peers = try (0..<3).map { _ in try server.connect() }
      let all = RawFrame(7, [UInt8](repeating: 3, count: 10_000)).bytes(times: 2000)
      var sent: [Int] = []
      for peer in peers { sent.append(try await peer.sendUntilBlocked(all)) }
      #expect(sent.allSatisfy { $0 < all.count }, "their peers feel it")
      // Ten requests handed over, and for each connection an inbox.
      #expect(server.server.counters.bytesReceived < 10 * 10_008 + 3 * (256 << 10))
      #expect(handled.count == 1)
      gate.open()
      for (peer, sent) in zip(peers, sent) {
        async let answers = peer.receive(all.count)
        try await peer.send(Array(all[sent...]))
        #expect(try await answers == all)
      }
      #expect(handled.count == 6000)
    }
  }

  @Test("many small requests over a short queue are all handled, in order", arguments: [1, 2, 7])
  func shortQueue(limit: Int) async throws {
    let configuration = ServerConfiguration.test(workers: 1) { $0.maxWorkerTaskLen = limit }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peers = try (0..<5).map { _ in try server.connect() }
      let bytes = (0..<300).flatMap { RawFrame(7, "\($0)").bytes() }
      for peer in peers { try await peer.send(bytes) }
      for peer in peers { #expect(try await peer.receive(bytes.count) == bytes) }
    }
  }

  @Test("peers that end while their requests wait for the worker lose none of the answers", arguments: [false, true])
  func endsWhileWaiting(drains: Bool) async throws {
    let gate = BlockingGate()
    let begun = Recorder<Int>()
    let configuration = ServerConfiguration.test(workers: 1) { $0.maxWorkerTaskLen = 2 }
    try await TestServer.run(configuration) { routes in
      routes.route(7) { request in
        begun.append(1)
        gate.pass()
        try await echo(request)
      }
    } use: { server in
      let peers = try (0..<4).map { _ in try server.connect() }
      let bytes = (0..<20).flatMap { RawFrame(7, "\($0)").bytes() }
      for peer in peers {
        try await peer.send(bytes)
        if !drains { peer.shutdownWrite() }
      }
      _ = try await server.connection(3)
      try await begun.wait(for: 1)
      try await until { server.server.counters.bytesReceived >= UInt64(4 * bytes.count) }
      if drains { server.connManager.clearConn() }
      gate.open()
      for peer in peers {
        #expect(try await peer.receiveAll() == bytes)
        peer.close()
      }
      #expect(Set(try await server.reasons(4)) == [drains ? .draining : .peerClosed])
    }
  }

  @Test("a connection that is stopped while it waits for the worker gives its room back")
  func stoppedWhileWaiting() async throws {
    let gate = BlockingGate()
    let begun = Recorder<Int>()
    let configuration = ServerConfiguration.test(workers: 1) { $0.maxWorkerTaskLen = 1 }
    try await TestServer.run(configuration) { routes in
      routes.route(7) { request in
        begun.append(1)
        gate.pass()
        try await echo(request)
      }
    } use: { server in
      let peers = try (0..<8).map { _ in try server.connect() }
      for peer in peers { try await peer.send(RawFrame(7, "1").bytes() + RawFrame(7, "2").bytes()) }
      let last = try await server.connection(7)
      try await begun.wait(for: 1)
      try await until { server.server.counters.bytesReceived >= UInt64(8 * 18) }
      for connection in server.connManager.all where connection !== last { connection.stop() }
      gate.open()
      _ = try await server.connection(7)
      #expect(try await peers[7].frames(2).map(\.text) == ["1", "2"])
    }
  }

  @Test("what a handler resumes runs on its worker again", arguments: [1, 3])
  func affinity(workers: Int) async throws {
    let names = Recorder<String>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(7) { request in
        for _ in 0..<3 {
          names.append("\(request.connection.id % UInt64(workers)) \(threadName())")
          await Task.yield()
        }
        try await echo(request)
      }
    } use: { server in
      for _ in 0..<6 { _ = try await server.connect().exchange(RawFrame(7)) }
      #expect(Set(names.all) == Set((0..<workers).map { "\($0) zinx-worker-\($0)" }))
    }
  }
}
