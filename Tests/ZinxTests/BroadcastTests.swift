import CLinux
import Glibc
import NIOCore
import Synchronization
import Testing
import ZinxIO
import ZinxWire

@testable import Zinx

@Suite("A message to many")
struct BroadcastTests {
  private static let message = ByteBuffer(string: "news")

  private let world: World
  private var server: ServerContext { world.server }
  private var connections: [Connection] { world.connections }
  private var queued: [Int] { world.queued }

  init() throws { world = try World(5) { $0.maxMsgChanLen = 2 } }

  private func fill(_ indices: Int...) throws {
    for index in indices { for _ in 0..<2 { try connections[index].trySendBuffMsg(1, ByteBuffer()) } }
  }

  @Test("goes to all of a sequence, or to all but one")
  func all() async throws {
    #expect(try await connections.broadcast(4, Self.message) == Delivery(sent: 5))
    #expect(try await connections[1...].broadcast(4, Self.message, except: connections[2]) == Delivery(sent: 3))
    #expect(queued == [1, 2, 1, 2, 2])
    #expect(server.counters.snapshot.messagesSent == 8)
    #expect(try await [Connection]().broadcast(4, Self.message) == Delivery())
  }

  @Test("is encoded once: all queues share its bytes")
  func shared() async throws {
    try await connections.broadcast(4, Self.message)
    let frames = connections.map { $0.outbox.withLock { $0.queue } }
    let places = frames.map { $0.withVeryUnsafeBytes { $0.baseAddress } }
    #expect(Set(places).count == 1)
    #expect(Array(frames[0].readableBytesView) == [4, 0, 0, 0, 4, 0, 0, 0] + Array("news".utf8))
  }

  @Test("skips those whose queue is full unless it is told otherwise, counts them, and leaves their queues as they are")
  func skip() async throws {
    try fill(1, 3)
    #expect(try await connections.broadcast(4, Self.message) == Delivery(sent: 3, skipped: 2))
    #expect(try await connections.broadcast(4, Self.message, whenFull: .skip) == Delivery(sent: 3, skipped: 2))
    #expect(try await connections.broadcast(4, Self.message) == Delivery(skipped: 5))
    #expect(queued == [2, 2, 2, 2, 2])
    #expect(server.counters.snapshot.messagesSkipped == 9)
    #expect(connections.allSatisfy { !$0.isClosed })
  }

  @Test("closes those whose queue is full when it is told to, at once and once each")
  func close() async throws {
    try fill(1, 3)
    #expect(try await connections.broadcast(4, Self.message, whenFull: .close) == Delivery(sent: 3, closed: 2))
    #expect(connections.map(\.isClosed) == [false, true, false, true, false])
    #expect(queued == [1, 0, 1, 0, 1])
    #expect(try await connections.broadcast(4, Self.message, whenFull: .close) == Delivery(sent: 3))
    #expect(server.counters.snapshot.messagesSkipped == 0)
  }

  @Test("waits for those whose queue is full when it is told to, after all others have theirs")
  func wait() async throws {
    try fill(1, 3)
    let connections = connections
    let sending = Task { try await connections.broadcast(4, Self.message, whenFull: .wait) }
    while connections[1].outbox.withLock({ !$0.hasWaiters }) { await Task.yield() }
    #expect(queued == [1, 2, 1, 2, 1])
    for index in [1, 3] {
      connections[index].outbox.withLock { $0.wrote(DataPack.headerLength) }
      connections[index].resumeSenders()
    }
    #expect(try await sending.value == Delivery(sent: 5))
    #expect(queued == [1, 2, 1, 2, 1])
  }

  @Test("that waits passes over those that end, and ends itself when it is cancelled")
  func waitInVain() async throws {
    try fill(1, 3)
    let connections = connections
    let sending = Task { try await connections.broadcast(4, Self.message, whenFull: .wait) }
    while connections[1].outbox.withLock({ !$0.hasWaiters }) { await Task.yield() }
    #expect(connections[1].giveUp(.idle))
    while connections[3].outbox.withLock({ !$0.hasWaiters }) { await Task.yield() }
    sending.cancel()
    await #expect(throws: CancellationError.self) { try await sending.value }
    #expect(queued == [1, 0, 1, 2, 1])
  }

  @Test("of a cancelled task reaches all the same those for whom nobody has to wait")
  func cancelled() async throws {
    try fill(1)
    let connections = connections
    let sending = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await connections.broadcast(4, Self.message)
    }
    #expect(try await sending.value == Delivery(sent: 4, skipped: 1))
  }

  @Test("counts connections that have ended in no number")
  func ended() async throws {
    #expect(connections[0].giveUp(.idle))
    #expect(try await connections.broadcast(4, Self.message) == Delivery(sent: 4))
    #expect(server.counters.snapshot.messagesSent == 4)
  }
}
