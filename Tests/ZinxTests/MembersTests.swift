import CLinux
import Glibc
import NIOCore
import Synchronization
import Testing
import ZinxIO
import ZinxTestKit
import ZinxWire

@testable import Zinx

private func ids(_ connections: [Connection]) -> [UInt64] { connections.map(\.id).sorted() }

@Suite("Groups")
struct GroupTests {
  private static let news = ByteBuffer(string: "news")

  @Test("have whoever joined and did not leave, each once; empty ones are not there")
  func members() throws {
    let world = try World(4)
    let group = world.server.groups["lobby"]
    #expect(group.members.isEmpty && world.server.groups.count == 0)
    for connection in world.connections { #expect(try group.join(connection)) }
    #expect(try group.join(world.connections[1]) == false)
    #expect(group.count == 4)
    #expect(group.leave(world.connections[1]))
    #expect(!group.leave(world.connections[1]))
    #expect(ids(group.members) == [0, 2, 3])
    #expect(group.contains(world.connections[3]) && !group.contains(world.connections[1]))
    #expect(world.server.groups.all == [group])
    for connection in world.connections { group.leave(connection) }
    #expect(world.server.groups.count == 0 && world.server.groups.all.isEmpty)
  }

  @Test("of a connection are told in the order in which it joined, until it ends; then it joins none any more")
  func ofOne() throws {
    let world = try World(1)
    let (groups, connection) = (world.server.groups, world.connections[0])
    #expect(connection.joinedGroups.isEmpty)
    for name in ["a", "b", "c"] { try groups[name].join(connection) }
    groups["b"].leave(connection)
    #expect(connection.joinedGroups.map(\.name) == ["a", "c"])
    connection.endMembership()
    #expect(connection.joinedGroups.isEmpty && groups.count == 0)
    #expect(throws: ZinxError.connectionClosed) { try groups["a"].join(connection) }
    #expect(groups.count == 0)
  }

  @Test("get a message at once, encoded once, all of them or all but one")
  func broadcast() async throws {
    let world = try World(5)
    let group = world.server.groups["lobby"]
    #expect(try await group.broadcast(4, Self.news) == Delivery())
    for connection in world.connections[1...] { try group.join(connection) }
    #expect(try await group.broadcast(4, Self.news) == Delivery(sent: 4))
    #expect(try await group.broadcast(4, Self.news, except: world.connections[2]) == Delivery(sent: 3))
    #expect(world.queued == [0, 2, 1, 2, 2])
    let places = world.connections[3...].map { $0.outbox.withLock { $0.queue.withVeryUnsafeBytes { $0.baseAddress } } }
    #expect(Set(places).count == places.count)
    let other = try World(2)
    for connection in other.connections { try other.server.groups["x"].join(connection) }
    try await other.server.groups["x"].broadcast(4, Self.news)
    #expect(Set(other.connections.map { $0.outbox.withLock { $0.queue.withVeryUnsafeBytes { $0.baseAddress } } }).count == 1)
  }

  @Test(
    "are what a model says after a thousand joins, leaves, ends and messages at random", arguments: 1...20 as ClosedRange<UInt64>)
  func model(seed: UInt64) async throws {
    var random = SplitMix64(seed: seed)
    let world = try World(12)
    let names = ["a", "b", "c", "d"]
    var members: [String: Set<UInt64>] = [:]
    var ended: Set<UInt64> = []
    var messages = [Int](repeating: 0, count: 12)
    for step in 0..<1000 {
      let name = names[Int.random(in: 0..<4, using: &random)]
      let connection = world.connections[Int.random(in: 0..<12, using: &random)]
      let group = world.server.groups[name]
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<45:
        guard !ended.contains(connection.id) else {
          #expect(throws: ZinxError.connectionClosed) { try group.join(connection) }
          continue
        }
        let isNew = members[name, default: []].insert(connection.id).inserted
        #expect(try group.join(connection) == isNew)
      case 45..<75: #expect(group.leave(connection) == (members[name, default: []].remove(connection.id) != nil))
      case 75..<98:
        let receivers = members[name, default: []].subtracting([connection.id])
        #expect(try await group.broadcast(1, Self.news, except: connection) == Delivery(sent: receivers.count))
        for id in receivers { messages[Int(id)] += 1 }
      // A few: with more of them nobody would be left for long.
      default:
        guard ended.count < 6, step > 300 else { continue }
        connection.endMembership()
        ended.insert(connection.id)
        for name in names { members[name]?.remove(connection.id) }
      }
      #expect(ids(group.members) == members[name, default: []].sorted())
      #expect(connection.joinedGroups.map(\.name).sorted() == names.filter { members[$0]?.contains(connection.id) == true })
      #expect(world.server.groups.count == members.values.count { !$0.isEmpty })
    }
    #expect(world.queued == messages)
  }

  @Test("keep nobody who ends while others put it into them")
  func races() async throws {
    let world = try World(200)
    let groups = world.server.groups
    await withTaskGroup(of: Void.self) { tasks in
      for connection in world.connections {
        tasks.addTask { for name in 0..<5 { _ = try? groups["\(name)"].join(connection) } }
        tasks.addTask { _ = try? connection.bind(user: "u\(connection.id % 7)") }
        tasks.addTask { connection.endMembership() }
      }
    }
    #expect(groups.count == 0)
    #expect(world.server.users.count == 0)
  }
}

@Suite("Users")
struct UserTests {
  @Test("have the connections that are bound to them, in as many places as they may be")
  func bound() async throws {
    let world = try World(4)
    let users = world.server.users
    for (index, user) in ["u1", "u2", "u1"].enumerated() { try world.connections[index].bind(user: user) }
    #expect(ids(users["u1"]) == [0, 2] && ids(users["u2"]) == [1] && users["u3"].isEmpty)
    #expect(users.all.sorted() == ["u1", "u2"] && users.count == 2)
    #expect(world.connections.map(\.user) == ["u1", "u2", "u1", nil])
    #expect(try await users.send(to: "u1", 5, ByteBuffer(string: "hi")) == Delivery(sent: 2))
    #expect(try await users.send(to: "nobody", 5, ByteBuffer()) == Delivery())
    #expect(world.queued == [1, 0, 1, 0])
  }

  @Test("change with the connection: bound anew, to nobody, or ended")
  func changes() throws {
    let world = try World(2)
    let (users, connection) = (world.server.users, world.connections[0])
    try connection.bind(user: "u1")
    try connection.bind(user: "u1", .refuse)
    try connection.bind(user: "u2")
    #expect(users.all == ["u2"] && connection.user == "u2")
    connection.unbind()
    #expect(users.count == 0 && connection.user == nil)
    try connection.bind(user: "u3")
    connection.endMembership()
    #expect(users.count == 0)
    // Whoever tells of its end knows whose it was.
    #expect(connection.user == "u3")
    #expect(throws: ZinxError.connectionClosed) { try connection.bind(user: "u4") }
    #expect(connection.user == "u3" && users.count == 0)
  }

  @Test("who are there already are refused a second time if they are to be, and stay where they were")
  func refuse() throws {
    let world = try World(2)
    try world.connections[0].bind(user: "u1", .refuse)
    try world.connections[1].bind(user: "u2")
    #expect(throws: ZinxError.userIsBound("u1")) { try world.connections[1].bind(user: "u1", .refuse) }
    #expect(ids(world.server.users["u1"]) == [0] && world.connections[1].user == "u2")
  }

  @Test("who are replaced are told, and get nothing of what is sent to the user from then on")
  func replace() async throws {
    let world = try World(3)
    let users = world.server.users
    for connection in world.connections[...1] { try connection.bind(user: "u1") }
    let notice = Message(id: 9, data: ByteBuffer(string: "elsewhere"))
    try world.connections[2].bind(user: "u1", .replace(notice: notice))
    #expect(ids(users["u1"]) == [2])
    #expect(world.queued == [1, 1, 0])
    #expect(world.connections.map { $0.dropsRest.load(ordering: .relaxed) } == [true, true, false])
    try await users.send(to: "u1", 5, ByteBuffer())
    #expect(world.queued == [1, 1, 1])
    // Once more by the same is no second login.
    try world.connections[2].bind(user: "u1", .replace())
    let isEnded = world.connections[2].dropsRest.load(ordering: .relaxed)
    #expect(!isEnded)
  }
}

@Suite("Users on more than one node")
struct UsersElsewhereTests {
  private static let other = UserPlace(node: "n2", connection: 7)

  /// A world whose other nodes answer with these, one after the other; without the last nil they are silent from then on.
  private func world(_ answers: [[UserPlace]?]) throws -> World {
    let world = try World(2)
    world.server.users.sendElsewhere(
      Elsewhere(node: "n1", send: { _, _, _ in }, find: { _, _, found in for answer in answers { found(answer) } }))
    return world
  }

  @Test("are found here and there, and here alone without others")
  func found() async throws {
    let alone = try World(1)
    try alone.connections[0].bind(user: "u")
    #expect(alone.server.users.node == nil)
    #expect(await alone.server.users.where("u") == [UserPlace(node: nil, connection: 0)])
    let world = try world([[Self.other], [], [UserPlace(node: "n3", connection: 1)], nil])
    try world.connections[0].bind(user: "u")
    #expect(world.server.users.node == "n1")
    #expect(
      await world.server.users.where("u") == [
        UserPlace(node: nil, connection: 0), Self.other, UserPlace(node: "n3", connection: 1),
      ])
  }

  @Test("are waited for no longer than until there are as many places as are asked for")
  func limit() async throws {
    let world = try world([[Self.other]])
    #expect(await world.server.users.where("u", limit: 1) == [Self.other])
    try world.connections[0].bind(user: "u")
    #expect(await world.server.users.where("u", limit: 1) == [UserPlace(node: nil, connection: 0)])
  }

  @Test("are waited for no longer than somebody wants to know")
  func cancelled() async throws {
    let users = try world([[Self.other]]).server.users
    let search = Task { await users.where("u") }
    search.cancel()
    _ = await search.value
  }

  @Test("who are elsewhere are refused here where they are to be alone, and are nobody's then")
  func alone() async throws {
    let taken = try world([[Self.other]])
    await #expect(throws: ZinxError.userIsBound("u")) { try await taken.connections[0].bindAlone(user: "u") }
    #expect(taken.connections[0].user == nil && taken.server.users.count == 0)
    let free = try world([nil])
    try await free.connections[0].bindAlone(user: "u")
    #expect(free.connections[0].user == "u")
    await #expect(throws: ZinxError.userIsBound("u")) { try await free.connections[1].bindAlone(user: "u") }
    #expect(free.connections[0].user == "u" && free.connections[1].user == nil)
  }
}
