import NIOCore
import Zinx
import ZinxWire

/// Charging stations that say who they are, give signs of life, and ask whether a card may charge.
struct Stations: RoutePlugin {
  static let name = "stations"
  static let summary = "Registers charging stations, and says whose card may charge."
  static let isOnByDefault = true
  /// Whose a connection is and when it was last heard is the server's to know.
  static let handover = PluginHandover.stateless

  /// Those who may charge.
  let cards: Set<UInt32>
  private let silence: Duration

  init(settings: inout PluginSettings) {
    cards = Set(settings.value("Cards", .list(of: .integer()), default: [], "the numbers of the cards that may charge"))
    silence = settings.seconds(
      "Silence", default: .seconds(180), in: .seconds(1) ... .seconds(86_400), shown: true,
      "time without a frame after which a station is gone")
  }

  func register(in routes: inout RouteRegistrar) {
    routes.frames(StationFrames())
    // Junk is no sign of life.
    routes.onConnStart { [silence] connection in connection.deadline(silence) }
    routes.beforeRouting { [silence] request in
      request.connection.deadline(silence)
      return true
    }
    routes.authenticate(Authentication(ids: [0x20, StationFrames.simID, StationFrames.linkID, StationFrames.damagedID]))
    signs(&routes)
    for command in Self.commands {
      routes.route(UInt32(command.code), Order.self) { order, request in
        guard order.data.readableBytes >= command.size else { throw PayloadError.truncated }
        return try command.run(self, order, request)
      }
    }
  }

  private func signs(_ routes: inout RouteRegistrar) {
    routes.route(StationFrames.simID) { request in request.connection.logMetadata["sim"] = "\(String(buffer: request.data))" }
    routes.route(StationFrames.linkID) { _ in }
    let damaged = routes.metrics.counter("damaged_frames", "Frames with a wrong sum.")
    routes.route(StationFrames.damagedID) { _ in damaged.add() }
  }
}
