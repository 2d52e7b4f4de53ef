import NIOCore
import Synchronization
import Testing
import ZinxTestKit

@testable import Zinx

@Suite("More bytes queued for all peers than may be", .timeLimit(.minutes(1)))
struct SheddingTests {
  private static let mebibyte = 1 << 20

  private static func configuration(_ workers: Int, _ limit: Int) -> ServerConfiguration {
    .test(workers: workers) { $0.maxQueueBytes = limit }
  }

  /// Lets the kernel take all it does for a peer that does not read, then queues `count` blocks. Returns how many were sent in all.
  private func queue(_ count: Int, for connection: Connection) throws -> Int {
    var sent = 0
    while connection.outbox.withLock({ $0.blockedSince == nil }) {
      try connection.trySendBuffMsg(1, SendingTests.block)
      connection.flush()
      sent += 1
    }
    for _ in 0..<count { try connection.trySendBuffMsg(1, SendingTests.block) }
    return sent + count
  }

  private func shed(_ server: TestServer) -> [(count: Int, bytes: Int, limit: Int)] {
    server.events.all.compactMap {
      if case .connectionsShed(let count, let bytes, let limit) = $0 { (count, bytes, limit) } else { nil }
    }
  }

  @Test("closes the connection with the most, at once; the others live and get all that was sent", arguments: pools)
  func biggestFirst(workers: Int) async throws {
    try await TestServer.run(Self.configuration(workers, 6 * Self.mebibyte), register: { $0.route(7, echo) }) { server in
      let peers = try (0..<4).map { _ in try server.connect(receiveBuffer: 64 << 10) }
      _ = try await server.connection(3)
      let small = try queue(8, for: try await server.connection(0))
      let middle = try queue(20, for: try await server.connection(1))
      #expect(shed(server).isEmpty)
      let big = try await server.connection(2)
      #expect(throws: ZinxError.connectionClosed) { try queue(100, for: big) }
      #expect(big.isClosed)
      #expect(server.server.queuedBytes <= 6 * Self.mebibyte * 7 / 8)
      #expect(try await server.reason(2) == .shed)
      #expect(server.server.counters.connectionsClosed == [.shed: 1])
      #expect(shed(server).map(\.count) == [1])
      #expect(shed(server).allSatisfy { $0.limit == 6 * Self.mebibyte && $0.bytes >= 3 * Self.mebibyte })
      #expect(try await peers[3].exchange(RawFrame(7, "quick")).text == "quick")
      for (peer, count) in [(peers[0], small), (peers[1], middle)] {
        let frames = try await peer.frames(count)
        #expect(frames.allSatisfy { $0.data.count == SendingTests.block.readableBytes })
        #expect(try await peer.exchange(RawFrame(7, "still here")).text == "still here")
      }
      #expect(server.server.queuedBytes == 0)
    }
  }

  @Test("takes as many of the biggest as it needs and no more, and what the kernel keeps for them goes too", arguments: pools)
  func asManyAsNeeded(workers: Int) async throws {
    var configuration = Self.configuration(workers, 0)
    try await TestServer.run(configuration) { server in
      let peers = try (0..<5).map { _ in try server.connect(receiveBuffer: 64 << 10) }
      _ = try await server.connection(4)
      for (id, count) in [3, 20, 1, 40, 9].enumerated() { _ = try queue(count, for: try await server.connection(UInt64(id))) }
      let before = server.server.queuedBytes
      #expect(before > 6 * Self.mebibyte)
      // Eighths of this are more than the three smaller ones keep, and less than these and the second do.
      configuration.maxQueueBytes = 3 * Self.mebibyte
      server.server.apply(configuration)
      // At once, unless a thread that was just about to look does it in its place.
      try await until { server.server.queuedBytes <= 3 * Self.mebibyte * 7 / 8 && !shed(server).isEmpty }
      #expect(shed(server).map(\.count) == [2])
      _ = try await server.reasons(2)
      #expect(server.ended.map(\.0.id).sorted() == [1, 3])
      #expect(server.ended.allSatisfy { $0.1 == .shed })
      await #expect(throws: RawPeer.Failure.reset) { _ = try await peers[3].receiveAll() }
      server.server.apply(configuration)
      #expect(shed(server).count == 1, "what is within the limit is left alone")
      #expect(server.connManager.count == 3)
    }
  }

  @Test("senders that wait for a peer which is closed for it are told, and OnConnStop knows the reason", arguments: pools)
  func waiters(workers: Int) async throws {
    let reasons = Recorder<CloseReason>()
    var configuration = Self.configuration(workers, 0)
    configuration.maxMsgChanLen = 4
    try await TestServer.run(configuration, register: { $0.onConnStop { reasons.append($1) } }) { server in
      let peer = try server.connect(receiveBuffer: 64 << 10)
      let connection = try await server.connection()
      _ = try SendingTests.fill(connection)
      let waiting = Task { try await connection.sendBuffMsg(2, ByteBuffer()) }
      while connection.outbox.withLock({ !$0.hasWaiters }) { await Task.yield() }
      configuration.maxQueueBytes = 1
      server.server.apply(configuration)
      await #expect(throws: ZinxError.connectionClosed) { try await waiting.value }
      try await reasons.wait(for: .shed)
      #expect(try await server.reason() == .shed)
      _ = peer
    }
  }

  @Test("replies that their peer does not read are counted too, and handlers that wait for it are cancelled", arguments: pools)
  func replies(workers: Int) async throws {
    let cancelled = Recorder<Bool>()
    try await TestServer.run(Self.configuration(workers, 4 * Self.mebibyte)) { routes in
      routes.route(7) { request in
        defer { cancelled.append(Task.isCancelled) }
        while true { try await request.connection.sendBuffMsg(1, SendingTests.block) }
      }
      routes.route(8, echo)
    } use: { server in
      let slow = try server.connect(receiveBuffer: 8 << 10)
      try await slow.send(RawFrame(7))
      #expect(try await server.reason(0) == .shed)
      try await cancelled.wait(for: 1)
      #expect(server.server.queuedBytes == 0)
      let other = try server.connect()
      #expect(try await other.exchange(RawFrame(8, "quick")).text == "quick")
    }
  }

  @Test("a broadcast is one copy for all and counts for nobody, until a queue has to copy it", arguments: pools)
  func broadcast(workers: Int) async throws {
    try await TestServer.run(Self.configuration(workers, 32 * Self.mebibyte)) { server in
      let peers = try (0..<8).map { _ in try server.connect(receiveBuffer: 64 << 10) }
      _ = try await server.connection(7)
      let news = ByteBuffer(repeating: 3, count: 16 * Self.mebibyte)
      try await server.connManager.broadcast(4, news)
      #expect(server.connManager.all.allSatisfy { $0.outbox.withLock { $0.bytes } > Self.mebibyte })
      #expect(server.server.queuedBytes == 0)
      // The first gets a copy of its own, the others keep what they share.
      try await server.connection(0).sendBuffMsg(5, ByteBuffer())
      #expect(server.server.queuedBytes >= 16 * Self.mebibyte / 2)
      #expect(server.connManager.all.filter { $0.queueMemory.load(ordering: .relaxed) > 0 }.map(\.id) == [0])
      for peer in peers { #expect(try await peer.frame().data.count == news.readableBytes) }
      #expect(try await peers[0].frame() == RawFrame(5))
      #expect(shed(server).isEmpty)
    }
  }
}
