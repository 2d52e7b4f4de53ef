import NIOCore
import Testing
import Zinx
import ZinxClient

@testable import ScoreDaemon

@Suite("The score plugin")
struct ScoreTests {
  @Test("each player's points add up on a total of their own", .timeLimit(.minutes(1)))
  func totals() async throws {
    var configuration = ServerConfiguration()
    configuration.host = "127.0.0.1"
    configuration.port = 0
    var settings = PluginSettings(plugin: Score.name, value: nil)
    let server = try Server(configuration, plugins: [Score(settings: &settings)])
    try await server.start()
    let port = try #require(server.addresses.first?.port)

    let mario = try await Client.connect(host: "127.0.0.1", port: port)
    let luigi = try await Client.connect(host: "127.0.0.1", port: port)
    #expect(try await send("5", mario) == "5")
    #expect(try await send("7", mario) == "12")
    #expect(try await send("1", luigi) == "1")
    // No answer: the next message is answered, so the connection stays open and the total as it is.
    try await mario.send(10, ByteBuffer(string: "many"))
    #expect(try await send("1000", mario) == "1012")

    await mario.close()
    await luigi.close()
    // Both modules are imported, and each has a word for the end of a connection.
    #expect(mario.state == .closed(Client.CloseReason.closed))
    #expect(CloseReason.peerClosed.description == "peer-closed")
    #expect(await server.drain(timeout: .seconds(5)) == 0)
    #expect(server.counters.handlerErrors == 1)
  }

  private func send(_ points: String, _ client: Client) async throws -> String {
    String(buffer: try await client.request(10, ByteBuffer(string: points)).data)
  }
}
