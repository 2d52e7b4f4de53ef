import NIOCore
import Synchronization
import Testing
import ZinxTestKit

@testable import Zinx

@Suite("Bytes queued for one peer", .timeLimit(.minutes(1)))
struct QueueBytesTests {
  private static let limit = 256 << 10
  private static let limits = ["bytes", "messages"]
  private static let frame = SendingTests.block.readableBytes + 8

  private static func configuration(_ workers: Int) -> ServerConfiguration {
    .test(workers: workers) {
      $0.maxConnQueueBytes = limit
      $0.maxPacketSize = 64 << 10
    }
  }

  @Test("at the limit the send that does not wait is refused; the one that waits goes on when the peer reads", arguments: pools)
  func full(workers: Int) async throws {
    try await TestServer.run(Self.configuration(workers)) { server in
      let peer = try server.connect(receiveBuffer: 64 << 10)
      let connection = try await server.connection()
      let sent = try SendingTests.fill(connection)
      #expect((Self.limit..<Self.limit + Self.frame).contains(connection.outbox.withLock { $0.bytes }))
      #expect(throws: ZinxError.sendBufferFull) { try connection.trySendBuffMsg(2, ByteBuffer()) }
      async let waiting: Void = connection.sendBuffMsg(3, ByteBuffer(string: "waited"))
      let frames = try await peer.frames(sent + 1)
      try await waiting
      #expect(frames.dropLast().allSatisfy { $0.id == 1 && $0.data.count == SendingTests.block.readableBytes })
      #expect(frames.last == RawFrame(3, "waited"))
      #expect(server.server.queuedBytes == 0)
    }
  }

  @Test("a message larger than the limit passes", arguments: pools)
  func larger(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxConnQueueBytes = 1 }
    let large = ByteBuffer(repeating: 7, count: 1 << 20)
    try await TestServer.run(configuration) { routes in
      routes.route(7) { request in
        for _ in 0..<3 { try await request.connection.sendBuffMsg(1, large) }
        try await request.connection.sendMsg(2, large)
        try await request.connection.sendBuffMsg(3, request.data)
      }
    } use: { server in
      let peer = try server.connect(receiveBuffer: 64 << 10)
      try await peer.send(RawFrame(7, "end"))
      let other = Task { try await server.connection().sendBuffMsg(4, large) }
      let frames = try await peer.frames(6)
      try await other.value
      #expect(frames.filter { $0.id != 4 }.map(\.id) == [1, 1, 1, 2, 3])
      #expect(frames.allSatisfy { $0.data.count == (1 << 20) || $0 == RawFrame(3, "end") })
    }
  }

  @Test("a peer that does not read its answers is not read any more either, and gets all of them when it does", arguments: pools)
  func backPressure(workers: Int) async throws {
    try await TestServer.run(Self.configuration(workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect(receiveBuffer: 64 << 10)
      let all = RawFrame(7, [UInt8](repeating: 1, count: 64 << 10)).bytes(times: 600)
      let sent = try await peer.sendUntilBlocked(all)
      #expect(sent < all.count)
      let connection = try await server.connection()
      // The cork held one message more when the kernel stopped to take them.
      #expect(connection.outbox.withLock { $0.bytes } < Self.limit + Cork.flushThreshold + 2 * Self.frame)
      async let answers = peer.receive(all.count)
      try await peer.send(Array(all[sent...]))
      #expect(try await answers == all)
    }
  }

  @Test("replies of one batch fill the queue up to the limit, and then their handler waits", arguments: pools)
  func handlerWaits(workers: Int) async throws {
    try await TestServer.run(Self.configuration(workers)) { routes in
      routes.route(7) { request in while true { try await request.connection.sendBuffMsg(1, SendingTests.block) } }
    } use: { server in
      let peer = try server.connect(receiveBuffer: 64 << 10)
      let connection = try await server.connection()
      try await peer.send(RawFrame(7))
      while connection.outbox.withLock({ !$0.hasWaiters }) { await Task.yield() }
      #expect(connection.outbox.withLock { $0.bytes } < Self.limit + Self.frame)
      #expect(connection.outbox.withLock { $0.bytes } > Self.limit / 2)
    }
  }

  @Test("a reload with a higher limit lets a sender go on that waits, though the peer reads nothing", arguments: pools, limits)
  func higherLimit(workers: Int, of limit: String) async throws {
    var configuration = Self.configuration(workers)
    if limit == "messages" { configuration.maxMsgChanLen = 2 }
    try await TestServer.run(configuration) { server in
      let peer = try server.connect(receiveBuffer: 64 << 10)
      let connection = try await server.connection()
      let sent = try SendingTests.fill(connection)
      let waiting = Task { try await connection.sendBuffMsg(3, ByteBuffer(string: "waited")) }
      // Waits in the queue now: nothing but the reload can let it go on.
      while connection.outbox.withLock({ !$0.hasWaiters }) { await Task.yield() }
      configuration.maxConnQueueBytes *= 2
      configuration.maxMsgChanLen = 1024
      server.server.apply(configuration)
      try await waiting.value
      #expect(try await peer.frames(sent + 1).last == RawFrame(3, "waited"))
    }
  }

  @Test("what a server has sent is counted to the byte", arguments: pools)
  func bytesSent(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      for length in [0, 1, 5000] {
        let frame = RawFrame(7, [UInt8](repeating: 1, count: min(length, 4096)))
        #expect(try await peer.exchange(frame) == frame)
      }
      try await server.connection().sendMsg(1, ByteBuffer(repeating: 1, count: 100_000))
      _ = try await peer.frame()
      let sent: UInt64 = 8 + 9 + 4104 + 100_008
      // Counted after the write, so the peer may be faster.
      try await until { server.server.counters.messagesSent >= 4 && server.server.counters.bytesSent >= sent }
      #expect(server.server.counters.bytesSent == sent)
      #expect(server.server.counters.bytesReceived == 8 + 9 + 4104)
      #expect(server.server.counters.messagesSent == 4)
    }
  }
}
