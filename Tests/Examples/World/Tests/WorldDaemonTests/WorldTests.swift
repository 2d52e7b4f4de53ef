import NIOCore
import Testing
import Zinx
import ZinxTesting
import ZinxWire

@testable import WorldDaemon

@Suite("The small world")
struct WorldTests {
  private func start() async throws -> TestServer {
    try await TestServer(plugins: [try SmallWorld.configured(["Spread": 0])])
  }

  private func at(_ x: Float, _ z: Float) -> Position { .with { ($0.x, $0.z) = (x, z) } }

  @Test func `a player learns who it is, where it is and whom it sees, and is seen`() async throws {
    let server = try await start()
    let (mario, luigi) = (try await server.connect(), try await server.connect())
    #expect(luigi.received.map(\.id) == [1, 200, 202])
    #expect(try luigi.received(1) == [PlayerID.with { $0.id = 2 }])
    #expect(try luigi.received(200) == [Broadcast.of(2, .appears, at(160, 134))])
    #expect(try luigi.received(202, as: Players.self).first?.players.map(\.id) == [1, 2])
    #expect(try mario.received(200, as: Broadcast.self).last == .of(2, .appears, at(160, 134)))
    await luigi.close()
    #expect(try mario.received(201) == [PlayerID.with { $0.id = 2 }])
    await server.stop()
  }

  @Test func `those who are near see a player move, come and go, and no others do`() async throws {
    let server = try await start()
    let (mario, luigi, bowser) = (try await server.connect(), try await server.connect(), try await server.connect())
    try await bowser.send(3, at(400, 390))
    _ = (mario.take(), luigi.take(), bowser.take())
    try await mario.send(3, at(161, 135))
    for peer in [mario, luigi] { #expect(try peer.take().map { try $0.value() } == [Broadcast.of(1, .moves, at(161, 135))]) }
    #expect(bowser.take() == [])
    try await mario.send(3, at(399, 391))
    #expect(try luigi.take().map { try $0.value() } == [PlayerID.with { $0.id = 1 }])
    #expect(try bowser.take().map { try $0.value() } == [.of(1, .appears, at(399, 391)), Broadcast.of(1, .moves, at(399, 391))])
    #expect(mario.take().map(\.id) == [201, 200, 200])
    #expect(try mario.received(201) == [PlayerID.with { $0.id = 3 }, PlayerID.with { $0.id = 2 }])
    await server.stop()
  }

  @Test func `what a player says is heard everywhere`() async throws {
    let server = try await start()
    let (mario, luigi) = (try await server.connect(), try await server.connect())
    try await luigi.send(3, at(400, 390))
    try await mario.send(2, Talk.with { $0.text = "你是谁?" })
    for peer in [mario, luigi] {
      #expect(try peer.received(200, as: Broadcast.self).last == .of(1, .says, "你是谁?"))
    }
    await server.stop()
  }

  @Test func `what is no message, and nowhere, changes nothing and ends nothing`() async throws {
    let server = try await start()
    let (mario, luigi) = (try await server.connect(), try await server.connect())
    _ = (mario.take(), luigi.take())
    try await mario.send(3, ByteBuffer(bytes: [0xFF, 0xFF, 0xFF]))
    try await mario.send(3, at(.nan, 1))
    #expect(mario.take() == [] && luigi.take() == [] && mario.end == nil)
    let counters = server.server.counters
    #expect(counters.undecodableMessages == 1 && counters.handlerErrors == 1)
    await server.stop()
  }

  @Test func `a player who does not read is given up, and the others see it go`() async throws {
    var configuration = TestServer.standardConfiguration
    configuration.maxConnQueueBytes = 64 << 10
    configuration.maxPacketSize = 1 << 20
    let server = try await TestServer(configuration: configuration, plugins: [try SmallWorld.configured(["Spread": 0])])
    let (mario, luigi) = (try await server.connect(), try await server.connect())
    await luigi.pause()
    let shout = Talk.with { $0.text = String(repeating: "a", count: 200_000) }
    for _ in 0..<8 { try await mario.send(2, shout) }
    #expect(try mario.received(201) == [PlayerID.with { $0.id = 2 }])
    await luigi.resume()
    #expect(luigi.end == .stopped)
    await server.stop()
  }
}
