import NIOCore
import Testing
import Zinx
import ZinxTestKit

@Suite("A limit of the rate", .timeLimit(.minutes(1)))
struct ReadRateTests {
  private static func frames(_ count: Int) -> [RawFrame] { (0..<count).map { RawFrame(7, "\($0)") } }

  private static func bytes(_ frames: [RawFrame]) -> [UInt8] { frames.flatMap { $0.bytes() } }

  @Test("n messages take at least (n − burst) / rate seconds; none is dropped, and order is kept", arguments: pools)
  func messages(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxMsgRate = 100 }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let begin = ContinuousClock.now
      let peer = try server.connect()
      let frames = Self.frames(250)
      try await peer.send(Self.bytes(frames))
      #expect(try await peer.frames(250) == frames)
      #expect(begin.duration(to: .now) >= .seconds(1.5))
      #expect(server.server.counters.readPauses > 0)
    }
  }

  @Test("n bytes take at least (n − burst) / rate seconds, though one message is more than a second's", arguments: pools)
  func bytes(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) {
      $0.maxByteRate = 2000
      // Each pause is longer than this, but the peer is not to blame for it.
      $0.frameTimeout = .milliseconds(40)
      $0.minFrameRate = 0
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let begin = ContinuousClock.now
      let peer = try server.connect()
      let frames = [RawFrame(7, [UInt8](repeating: 1, count: 3992)), RawFrame(7, [UInt8](repeating: 2, count: 992))]
      try await peer.send(Self.bytes(frames))
      #expect(try await peer.frames(2) == frames)
      #expect(begin.duration(to: .now) >= .seconds(1.5))
      #expect(server.server.counters.readPauses > 0)
    }
  }

  @Test("what a second allows passes at once, and without limits nothing rests", arguments: pools, [0, 1000])
  func free(workers: Int, rate: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) {
      $0.maxMsgRate = rate
      $0.maxByteRate = 100 * rate
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let frames = Self.frames(1000)
      try await peer.send(Self.bytes(frames))
      #expect(try await peer.frames(1000) == frames)
      #expect(server.server.counters.readPauses == 0)
    }
  }

  @Test("each connection has its own rate", arguments: pools)
  func others(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxMsgRate = 2 }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let fast = try server.connect()
      try await fast.send(Self.bytes(Self.frames(100)))
      try await until { server.server.counters.readPauses > 0 }
      let good = try server.connect()
      #expect(try await good.exchange(RawFrame(7, "good")).text == "good")
      #expect(try await fast.frames(2) == Self.frames(2))
    }
  }

  @Test("a peer that sends more than its rate and closes is still answered in full, at that rate", arguments: pools)
  func closes(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxMsgRate = 20 }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let begin = ContinuousClock.now
      let peer = try server.connect()
      let bytes = Self.bytes(Self.frames(40))
      try await peer.send(bytes)
      peer.shutdownWrite()
      #expect(try await peer.receiveAll() == bytes)
      #expect(begin.duration(to: .now) >= .seconds(1))
      #expect(try await server.reason() == .peerClosed)
    }
  }

  @Test("half a frame behind the limit is timed out only after the limit has let it be seen", arguments: pools)
  func halfFrame(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) {
      $0.maxMsgRate = 10
      $0.frameTimeout = .milliseconds(200)
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let bytes = Self.bytes(Self.frames(20))
      try await peer.send(bytes + [1, 2, 3])
      #expect(try await peer.receiveAll() == bytes)
      peer.close()
      #expect(try await server.reason() == .headerTimeout)
    }
  }

  @Test("a drain answers what was received without keeping to the rate", arguments: pools, [(1, 0), (0, 13)])
  func drain(workers: Int, rates: (messages: Int, bytes: Int)) async throws {
    let configuration = ServerConfiguration.test(workers: workers) {
      $0.maxMsgRate = rates.messages
      $0.maxByteRate = rates.bytes
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let bytes = Self.bytes(Self.frames(1000))
      try await peer.send(bytes)
      try await until { server.server.counters.readPauses > 0 }
      async let cut = server.server.drain(timeout: .seconds(20))
      #expect(try await peer.receiveAll() == bytes)
      peer.close()
      #expect(await cut == 0)
      #expect(try await server.reason() == .draining)
    }
  }

  @Test(
    "a drain answers what was received behind urgent data too, where the kernel's count of bytes ends", arguments: pools,
    [(1, 0), (0, 13)])
  func drainUrgent(workers: Int, rates: (messages: Int, bytes: Int)) async throws {
    let configuration = ServerConfiguration.test(workers: workers) {
      $0.maxMsgRate = rates.messages
      $0.maxByteRate = rates.bytes
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      try await peer.send(Self.bytes(Self.frames(22)))
      try await until { server.server.counters.readPauses > 0 }
      try peer.sendUrgent(1)
      try await peer.send(Self.bytes(Self.frames(5)))
      async let cut = server.server.drain(timeout: .seconds(20))
      #expect(try await peer.receiveAll() == Self.bytes(Self.frames(22) + Self.frames(5)))
      peer.close()
      #expect(await cut == 0)
      #expect(try await server.reason() == .draining)
    }
  }

  @Test("a drain does not wait for what is no part of the stream", arguments: pools)
  func drainUrgentAlone(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxMsgRate = 1 }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      try await peer.send(Self.bytes(Self.frames(22)))
      try await until { server.server.counters.readPauses > 0 }
      try peer.sendUrgent(1)
      async let cut = server.server.drain(timeout: .seconds(20))
      #expect(try await peer.receiveAll() == Self.bytes(Self.frames(22)))
      peer.close()
      #expect(await cut == 0)
    }
  }

  @Test("a reload ends a rest, and begins to limit connections that are there", arguments: pools)
  func reload(workers: Int) async throws {
    let slow = ServerConfiguration.test(workers: workers) { $0.maxMsgRate = 1 }
    try await TestServer.run(slow, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let frames = Self.frames(100)
      try await peer.send(Self.bytes(frames))
      try await until { server.server.counters.readPauses > 0 }
      server.server.apply(.test(workers: workers))
      #expect(try await peer.frames(100) == frames)
      let pauses = server.server.counters.readPauses
      server.server.apply(slow)
      try await server.loopsAnswer()
      try await peer.send(Self.bytes(frames))
      #expect(try await peer.frames(2) == Array(frames[..<2]))
      #expect(server.server.counters.readPauses > pauses)
    }
  }
}
