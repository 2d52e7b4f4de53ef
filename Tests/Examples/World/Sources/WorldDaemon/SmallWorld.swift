import Zinx
import ZinxWire

/// Players who walk about, see those who are near, and talk to everybody.
struct SmallWorld: RoutePlugin {
  static let name = "world"
  static let summary = "Players who walk about, see those who are near, and talk to everybody."
  static let isOnByDefault = true
  static let handover = PluginHandover.stateful

  private let spread: Int
  private let world = World()

  init(settings: inout PluginSettings) {
    spread = settings.integer("Spread", default: 50, in: 0...200, shown: true, "how far from one another players come in")
  }

  func register(in routes: inout RouteRegistrar) {
    routes.onConnStart { [spread, world] connection in
      let place = Position.with {
        $0.x = Float(160 + Int.random(in: 0...spread))
        $0.z = Float(134 + Int.random(in: 0...spread))
      }
      try await world.enter(connection, at: place)
    }
    routes.onConnStop { [world] connection, _ in await world.leave(connection) }
    routes.route(2, Talk.self, on: world) { world, talk, request in try world.talk(request.connection, talk.text) }
    routes.route(3, Position.self, on: world) { world, position, request in try world.move(request.connection, to: position) }
    for id in [1, 200, 201, 202] as [UInt32] { routes.sends(id) }
    routes.keep(World.Key.self)
    routes.keep(World.Place.self)
  }

  func willHandOver() async throws -> [UInt8] { Array("\(await world.leavePlaces())".utf8) }

  func didTakeOver(_ state: [UInt8]?, in context: PluginContext) async throws {
    try await world.takePlaces(of: context.connManager.all, lastID: Int32(String(decoding: state ?? [], as: UTF8.self)) ?? 0)
  }
}
