import Testing
import Zinx
import ZinxTesting

@testable import ZinxNats

@Suite("The settings of the plugin nats")
struct GatewayRouteTests {
  private func problems(_ settings: ConfigurationValue) -> String? {
    do {
      _ = try NatsGateway.configured(settings)
      return nil
    } catch { return error.message }
  }

  private func route(_ settings: ConfigurationValue) -> GatewayRoute {
    var read = PluginSettings(plugin: "nats", value: settings)
    return GatewayRoute(settings: &read)
  }

  @Test func `have a default for all but the messages and the subject`() throws {
    let route = route(["MsgID": "100-199", "Subject": "game.{id}"])
    #expect(route.ids == .range(100...199))
    #expect(route.subject == SubjectTemplate("game.{id}"))
    #expect(route.timeout == 2_000_000_000 && route.inFlight == 64)
    #expect(route.onNoResponder == .nothing && route.onTimeout == .nothing && route.onError == .nothing)
    #expect(problems(["Routes": [["Subject": "x"]]])?.contains("MsgID is not set") == true)
    #expect(problems(["Routes": [["MsgID": 1]]])?.contains("Subject is not set") == true)
    #expect(problems([:]) == nil)
  }

  @Test func `name messages that say what has failed, or the end`() {
    let route = route([
      "MsgID": 7, "Subject": "x", "OneWay": true, "OnNoResponder": 404, "OnTimeout": "close", "OnError": 4_294_967_295,
    ])
    #expect(route.ids == .id(7) && route.timeout == nil)
    #expect(route.onNoResponder == .message(404) && route.onTimeout == .close && route.onError == .message(.max))
  }

  @Test(
    arguments: [
      ["MsgID": "199-100", "Subject": "x"], ["MsgID": "a", "Subject": "x"], ["MsgID": -1, "Subject": "x"],
      ["MsgID": "1-2-3", "Subject": "x"], ["MsgID": "", "Subject": "x"], ["MsgID": 1, "Subject": "a.*"],
      ["MsgID": 1, "Subject": "x", "OnError": "Close"], ["MsgID": 1, "Subject": "x", "OnError": -1],
      ["MsgID": 1, "Subject": "x", "InFlight": 0], ["MsgID": 1, "Subject": "x", "Timeout": 0],
      ["MsgID": 1, "Subject": "x", "Queue": "q"],
    ] as [ConfigurationValue])
  func `refuse what they cannot mean`(route: ConfigurationValue) {
    #expect(problems(["Routes": [route]]) != nil)
  }

  @Test func `need a connection to NATS to start`() async throws {
    let gateway = try NatsGateway.configured(["Routes": [["MsgID": 1, "Subject": "x"]]])
    await #expect(throws: NatsMissing.self) { _ = try await TestServer(plugins: [gateway]) }
  }
}
