import NIOCore
import Testing
import Zinx
import ZinxTestKit

@Suite("A drain", .timeLimit(.minutes(1)), .serialized)
struct DrainTests {
  @Test("every request in flight is answered whole, then the stream ends; no answer is lost to a reset", arguments: pools)
  func answersAll(workers: Int) async throws {
    let stops = Recorder<CloseReason>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.onConnStop { _, reason in stops.append(reason) }
      routes.route(7) { request in
        if request.data.text == "0" { try await Task.sleep(for: .milliseconds(20)) }
        try await echo(request)
      }
    } use: { server in
      let peers = try (0..<100).map { _ in try server.connect() }
      let bytes = (0..<50).flatMap { RawFrame(7, "\($0)").bytes() }
      _ = try await server.connection(99)
      for peer in peers { try await peer.send(bytes) }
      async let cut = server.server.drain(timeout: .seconds(20))
      for peer in peers {
        #expect(try await peer.receiveAll() == bytes)
        peer.close()
      }
      #expect(await cut == 0)
      #expect(stops.all == Array(repeating: .draining, count: 100))
      #expect(server.server.counters.connectionsClosed == [.draining: 100])
    }
  }

  @Test("a peer that goes on sending loses none of the answers to what was received", arguments: pools)
  func stillSending(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let connection = try await server.connection()
      let frame = RawFrame(7, [UInt8](repeating: 1, count: 1000)).bytes()
      let sending = Task {
        var count = 0
        while true {
          do { try await peer.send(frame) } catch { return count }
          count += 1
          if count == 50 {
            try? await until { server.server.counters.bytesReceived >= 50 * frame.count }
            connection.connManager.clearConn()
          }
          if count == 2000 { return count }
        }
      }
      let bytes = try await peer.receiveAll()
      // Whole answers, at least to what was sent before the drain began, and the end of the stream instead of a reset.
      #expect(bytes.count % frame.count == 0)
      #expect(bytes.count >= 50 * frame.count)
      #expect(await sending.value == 2000)
      peer.close()
      #expect(try await server.reason() == .draining)
    }
  }

  @Test("requests that are still in the kernel's buffer are answered", arguments: pools)
  func kernelBuffer(workers: Int) async throws {
    let gate = BlockingGate()
    let begun = Recorder<Int>()
    let configuration = ServerConfiguration.test(workers: workers) { $0.ioThreads = 1 }
    try await TestServer.run(configuration) { routes in
      routes.route(7, echo)
      routes.route(8) { _ in
        begun.append(1)
        gate.pass()
      }
    } use: { server in
      // Its handler holds the event loop, or a worker; what the second sends is not read or not handled meanwhile.
      let first = try server.connect()
      _ = try await server.connection(0)
      let second = try server.connect()
      _ = try await server.connection(1)
      try await first.send(RawFrame(8))
      try await begun.wait(for: 1)
      let bytes = (0..<1000).flatMap { RawFrame(7, "\($0)").bytes() }
      try await second.send(bytes)
      async let cut = server.server.drain(timeout: .seconds(20))
      gate.open()
      #expect(try await second.receiveAll() == bytes)
      #expect(try await first.receiveAll() == [])
      first.close()
      second.close()
      #expect(await cut == 0)
    }
  }

  @Test("peers that never read are cut when the time is over, and the others lose nothing", arguments: pools)
  func timeOut(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxMsgChanLen = 8 }
    try await TestServer.run(configuration) { routes in
      routes.route(7, echo)
      routes.route(8) { request in for _ in 0..<1000 { try await request.connection.sendBuffMsg(1, SendingTests.block) } }
    } use: { server in
      let stuck = try (0..<10).map { _ in try server.connect(receiveBuffer: 8 << 10) }
      for peer in stuck { try await peer.send(RawFrame(8)) }
      let peers = try (0..<20).map { _ in try server.connect() }
      _ = try await server.connection(29)
      let bytes = (0..<50).flatMap { RawFrame(7, "\($0)").bytes() }
      for peer in peers { try await peer.send(bytes) }
      async let cut = server.server.drain(timeout: .milliseconds(500))
      for peer in peers {
        #expect(try await peer.receiveAll() == bytes)
        peer.close()
      }
      #expect(await cut == 10)
      #expect(server.server.counters.connectionsClosed == [.draining: 20, .drainTimeout: 10])
      withExtendedLifetime(stuck) {}
    }
  }

  @Test("a handler that is suspended when the time is over is cancelled, and OnConnStop runs", arguments: pools)
  func cancels(workers: Int) async throws {
    let begun = Recorder<Int>()
    let stops = Recorder<CloseReason>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.onConnStop { _, reason in stops.append(reason) }
      routes.route(7) { request in
        begun.append(1)
        try await Task.sleep(for: .seconds(3600))
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(7))
      try await begun.wait(for: 1)
      #expect(await server.server.drain(timeout: .milliseconds(50)) == 1)
      #expect(stops.all == [.drainTimeout])
      #expect(server.ended.map(\.1) == [.drainTimeout])
      _ = peer
    }
  }

  @Test("a handler that was running when its connection was cut is cancelled once it suspends")
  func cancelsLater() async throws {
    let gate = BlockingGate()
    let begun = Recorder<Int>()
    try await TestServer.run(.test(workers: 1)) { routes in
      routes.route(7) { request in
        begun.append(1)
        gate.pass()
        try await Task.sleep(for: .seconds(3600))
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(7))
      try await begun.wait(for: 1)
      let connection = try await server.connection()
      server.server.cutAll()
      try await until { connection.isClosed }
      gate.open()
      #expect(try await server.reason() == .drainTimeout)
      _ = peer
    }
  }

  @Test("with nothing connected, or only idle connections, it takes no time to speak of", arguments: pools, [0, 20])
  func idle(workers: Int, count: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { server in
      let peers = try (0..<count).map { _ in try server.connect() }
      if count > 0 { _ = try await server.connection(UInt64(count - 1)) }
      let start = ContinuousClock.now
      async let cut = server.server.drain(timeout: .seconds(20))
      for peer in peers {
        #expect(try await peer.receiveAll() == [])
        peer.close()
      }
      #expect(await cut == 0)
      #expect(ContinuousClock.now - start < .seconds(1))
    }
  }

  @Test("new connections are refused from then on, and those in the backlog are ended in good order")
  func refusesNew() async throws {
    try await TestServer.run { server in
      let waiting = try (0..<20).map { _ in try server.connect() }
      async let cut = server.server.drain(timeout: .seconds(20))
      for peer in waiting {
        #expect(try await peer.receiveAll() == [])
        peer.close()
      }
      #expect(await cut == 0)
      #expect(throws: RawPeer.Failure.system(call: "connect", code: 111)) { _ = try server.connect() }
    }
  }

  @Test("draining twice, also at once, is as good as once")
  func twice() async throws {
    try await TestServer.run { server in
      let peer = try server.connect()
      _ = try await server.connection()
      async let first = server.server.drain(timeout: .seconds(20))
      async let second = server.server.drain(timeout: .seconds(20))
      #expect(try await peer.receiveAll() == [])
      peer.close()
      #expect(await [first, second] == [0, 0])
      #expect(await server.server.drain(timeout: .seconds(20)) == 0)
    }
  }

  @Test("a second order closes everything at once", arguments: pools)
  func cutAll(workers: Int) async throws {
    let gate = Gate()
    let begun = Recorder<Int>()
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(7) { request in
        begun.append(1)
        try await gate.pass()
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(7))
      try await begun.wait(for: 1)
      async let cut = server.server.drain(timeout: .seconds(20))
      try await until { server.server.addresses.isEmpty }
      server.server.cutAll()
      #expect(await cut == 0)
      #expect(try await server.reason() == .drainTimeout)
      _ = peer
    }
  }

  @Test("what others send to a connection that lingers neither resets it nor is lost in silence", arguments: pools)
  func sendWhileLingering(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let connection = try await server.connection()
      let frame = RawFrame(7, [UInt8](repeating: 1, count: 4000))
      for _ in 0..<50 { try await peer.send(frame) }
      try await until { server.server.counters.bytesReceived == 50 * 4008 }
      connection.connManager.clearConn()
      // The end of the stream is on its way once the connection refuses to send.
      try await until { connection.isClosed }
      try await peer.send(frame)
      #expect(throws: ZinxError.connectionClosed) { try connection.trySendBuffMsg(1, ByteBuffer()) }
      try await peer.send(frame)
      #expect(try await peer.receiveAll().count == 50 * 4008)
      peer.close()
      #expect(try await server.reason() == .draining)
    }
  }

  @Test("a connection that is flooded by others ends all the same", arguments: pools)
  func flooded(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { server in
      for id: UInt64 in 0..<100 {
        let peer = try server.connect()
        let connection = try await server.connection(id)
        let flood = Task.detached {
          while !Task.isCancelled {
            do { try connection.trySendBuffMsg(1, ByteBuffer(string: "flood")) } catch ZinxError.sendBufferFull {
              await Task.yield()
            }
          }
        }
        _ = try await peer.frame()
        connection.stop()
        _ = try await peer.receiveAll()
        await #expect(throws: ZinxError.connectionClosed) { try await flood.value }
        peer.close()
        #expect(try await server.reason(id) == .stopped)
      }
    }
  }
}
