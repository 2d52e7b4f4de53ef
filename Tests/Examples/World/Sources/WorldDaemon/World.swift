import NIOCore
import Zinx
import ZinxProtobuf

/// Who is where, and who sees it. What players are told is sent before the actor does anything else, so nobody hears that somebody has gone
/// and then that he is there.
actor World {
  private struct Inhabitant {
    let connection: Connection
    var position: Position
  }

  /// Which player a connection is.
  enum Key: LastingPropertyKey {
    typealias Value = Int32
    static let stateName = "world.player"
  }

  /// Where the player is, while another program takes over.
  enum Place: LastingPropertyKey {
    typealias Value = Position
    static let stateName = "world.place"
  }

  private var inhabitants: [Int32: Inhabitant] = [:]
  private var grid = Grid()
  private var lastID: Int32 = 0

  /// Throws: ``NoPlace``.
  func enter(_ connection: Connection, at position: Position) throws {
    lastID += 1
    let id = lastID
    let near = try grid.insert(id, x: position.x, z: position.z)
    connection[Key.self] = id
    inhabitants[id] = Inhabitant(connection: connection, position: position)
    try tell([id], 1, PlayerID.with { $0.id = id })
    // Also to the player, who so learns the place.
    try tell(near.union([id]), 200, Broadcast.of(id, .appears, position))
    let seen = near.union([id]).sorted().compactMap { other in
      inhabitants[other].map { there in Player.with { ($0.id, $0.position) = (other, there.position) } }
    }
    try tell([id], 202, Players.with { $0.players = seen })
  }

  func leave(_ connection: Connection) {
    guard let id = connection[Key.self], inhabitants.removeValue(forKey: id) != nil else { return }
    try? tell(grid.remove(id), 201, PlayerID.with { $0.id = id })
  }

  func talk(_ connection: Connection, _ text: String) throws {
    guard let id = connection[Key.self] else { return }
    try tell(inhabitants.keys, 200, Broadcast.of(id, .says, text))
  }

  /// Throws: ``NoPlace``.
  func move(_ connection: Connection, to position: Position) throws {
    guard let id = connection[Key.self] else { return }
    let sight = try grid.move(id, x: position.x, z: position.z)
    inhabitants[id]?.position = position
    try tell(sight.lost, 201, PlayerID.with { $0.id = id })
    for other in sight.lost { try tell([id], 201, PlayerID.with { $0.id = other }) }
    try tell(sight.found, 200, Broadcast.of(id, .appears, position))
    for other in sight.found {
      if let there = inhabitants[other] { try tell([id], 200, Broadcast.of(other, .appears, there.position)) }
    }
    try tell(sight.near.union([id]), 200, Broadcast.of(id, .moves, position))
  }

  /// Leaves with each connection where its player is, for the program that takes over. Returns the last id that was given.
  func leavePlaces() -> Int32 {
    for there in inhabitants.values { there.connection[Place.self] = there.position }
    return lastID
  }

  /// Goes on with the players of another program. They see each other already: nobody is told anything.
  ///
  /// Throws: ``NoPlace``.
  func takePlaces(of connections: [Connection], lastID: Int32) throws {
    self.lastID = lastID
    for connection in connections {
      guard let id = connection[Key.self], let position = connection[Place.self] else { continue }
      connection[Place.self] = nil
      _ = try grid.insert(id, x: position.x, z: position.z)
      inhabitants[id] = Inhabitant(connection: connection, position: position)
    }
  }

  /// Sends a message that is encoded once. A player whose queue is full is given up: one who misses a message would see what is not there.
  private func tell(_ players: some Sequence<Int32>, _ id: UInt32, _ value: some ProtobufPayload) throws {
    let data = try ByteBuffer(encoding: value)
    for player in players {
      guard let connection = inhabitants[player]?.connection else { continue }
      do { try connection.trySendBuffMsg(id, data) } catch .sendBufferFull {
        connection.stop(reason: "sees the world too slowly")
        leave(connection)
      } catch {
        // It has ended, and leaves in a moment.
      }
    }
  }
}

extension Broadcast {
  static func of(_ id: Int32, _ kind: Kind, _ position: Position) -> Self {
    .with { ($0.id, $0.kind, $0.position) = (id, kind, position) }
  }

  static func of(_ id: Int32, _ kind: Kind, _ text: String) -> Self {
    .with { ($0.id, $0.kind, $0.text) = (id, kind, text) }
  }
}
