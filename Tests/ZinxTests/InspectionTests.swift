import NIOCore
import Synchronization
import Testing
import ZinxIO
import ZinxWire

@testable import Zinx

@Suite("A look at connections")
struct InspectionTests {
  private enum Room: PropertyKey {
    typealias Value = String
    static let shownName: String? = "room"
  }

  private enum Password: PropertyKey { typealias Value = String }

  private static let payload = ByteBuffer(repeating: 1, count: 12)

  @Test("tells what waits for the peer and what has left, in messages and bytes")
  func queue() throws {
    let world = try World(1)
    let connection = world.connections[0]
    for _ in 0..<3 { try connection.trySendBuffMsg(1, Self.payload) }
    connection.outbox.withLock { $0.wrote(25) }
    let snapshot = connection.snapshot
    #expect(snapshot.messagesSent == 1 && snapshot.bytesSent == 25)
    #expect(snapshot.queuedMessages == 2 && snapshot.queuedBytes == 35)
  }

  @Test("does not count as sent what was queued and dropped")
  func dropped() throws {
    let world = try World(1)
    let connection = world.connections[0]
    for _ in 0..<3 { try connection.trySendBuffMsg(1, Self.payload) }
    _ = connection.outbox.withLock { outbox in
      outbox.wrote(20)
      return outbox.close()
    }
    #expect(connection.snapshot.messagesSent == 1)
    #expect(connection.snapshot.isEnding == false)
  }

  @Test("counts times from when it was accepted, and from when something came")
  func times() throws {
    let connection = try World(1).connections[0]
    connection.receivedAt.store(Instant(nanoseconds: 4_000_000_000).nanoseconds, ordering: .relaxed)
    let snapshot = connection.snapshot(at: Instant(nanoseconds: 10_000_000_000))
    #expect(snapshot.age == .seconds(10) && snapshot.idle == .seconds(6))
  }

  @Test("is in no time less than none, as a clock that is behind would have it")
  func noNegativeTime() throws {
    let connection = try World(1).connections[0]
    connection.receivedAt.store(5, ordering: .relaxed)
    #expect(connection.snapshot(at: Instant(nanoseconds: 1)).idle == .zero)
  }

  @Test("shows the properties that say how, the user and the groups, and no other property")
  func properties() throws {
    let world = try World(1)
    let connection = world.connections[0]
    connection[Room.self] = "lobby"
    connection[Password.self] = "secret"
    try connection.bind(user: "u42")
    try world.server.groups["b"].join(connection)
    try world.server.groups["a"].join(connection)
    let snapshot = connection.snapshot
    #expect(snapshot.properties == [ShownProperty(name: "room", text: "lobby")])
    #expect(snapshot.user == "u42")
    #expect(snapshot.groups == ["b", "a"])
  }

  @Test("names the worker that runs its requests", arguments: [(0, nil), (3, 1)] as [(Int, Int?)])
  func worker(workers: Int, index: Int?) throws {
    let world = try World(2) { $0.workerPoolSize = workers }
    #expect(world.connections[1].snapshot.worker == index)
  }
}

@Suite("The connections that ended last")
struct RecentlyEndedTests {
  private static func ended(_ id: UInt64, at seconds: Int) throws -> EndedConnection {
    let connection = try World(1).connections[0]
    var ended = connection.ended(.idle, nil, at: Instant(nanoseconds: Int64(seconds) * 1_000_000_000))
    ended.id = id
    return ended
  }

  @Test("are told with the last one first, and how long ago it was")
  func order() throws {
    var recent = RecentlyEnded()
    for id in 1...3 { recent.append(try Self.ended(UInt64(id), at: id)) }
    let all = recent.all(at: Instant(nanoseconds: 10_000_000_000))
    #expect(all.map(\.id) == [3, 2, 1])
    #expect(all.map(\.ago) == [.seconds(7), .seconds(8), .seconds(9)])
    #expect(all.map(\.duration) == [.seconds(3), .seconds(2), .seconds(1)])
  }

  @Test("are the last thousand, however many there were", arguments: [999, 1000, 1001, 2500])
  func capacity(count: Int) throws {
    var recent = RecentlyEnded()
    var ended = try Self.ended(0, at: 1)
    for id in 0..<count {
      ended.id = UInt64(id)
      recent.append(ended)
    }
    let all = recent.all(at: Instant(nanoseconds: 0))
    #expect(all.map(\.id) == (max(0, count - 1000)..<count).reversed().map(UInt64.init))
    #expect(all.allSatisfy { $0.ago == .zero }, "a clock that is behind")
  }
}
