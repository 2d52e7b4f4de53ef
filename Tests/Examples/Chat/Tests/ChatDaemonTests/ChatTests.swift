import Testing
import ZinxTesting

@testable import ChatDaemon

struct ChatTests {
  @Test func `people meet in a room, talk, whisper, and one is kicked`() async throws {
    let server = try await TestServer(plugins: [try Chat.configured(["Tokens": "r=mario g=luigi b=bowser", "Admin": "luigi"])])
    let (mario, luigi, bowser) = (try await server.connect(), try await server.connect(), try await server.connect())
    for (peer, token, name) in [(mario, "r", "mario"), (luigi, "g", "luigi"), (bowser, "b", "bowser")] {
      #expect(try await peer.request(1, Login(token: token)).value() == Welcome(user: name))
      try await peer.send(10, Room(room: "castle"))
    }
    #expect(try mario.received(20, as: Presence.self).map(\.user) == ["luigi", "bowser"])
    try await mario.send(11, Say(room: "castle", text: "hello"))
    #expect(try luigi.received(21) == [Said(from: "mario", text: "hello")])
    try await mario.send(12, Whisper(to: "luigi", text: "behind you"))
    #expect(try luigi.received(21, as: Said.self).last?.text == "behind you")
    #expect(try mario.received(12) == [Delivered(connections: 1)] && bowser.received(21, as: Said.self).count == 1)
    try await luigi.send(30, Kick(user: "bowser", reason: "fire"))
    #expect(try bowser.end == .stopped && bowser.connection.closeText == "kicked: fire")
    #expect(try mario.received(20, as: Presence.self).last == Presence(room: "castle", user: "bowser", event: "left"))
    await server.stop()
  }

  @Test func `nobody gets anywhere without a token, and has ten seconds to show one`() async throws {
    let server = try await TestServer(plugins: [try Chat.configured(["Tokens": "r=mario"])])
    let peer = try await server.connect()
    try await peer.send(11, Say(room: "castle", text: "hello"))
    #expect(try await peer.request(1, Login(token: "wrong")).text == "not allowed")
    await server.advance(by: .seconds(10))
    #expect(peer.end == .unauthenticated)
    await server.stop()
  }
}
