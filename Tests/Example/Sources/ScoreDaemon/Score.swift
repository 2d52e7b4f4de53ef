import NIOCore
import Zinx

/// Adds up the points that a player sends, and answers each message with the total.
struct Score: RoutePlugin {
  static let name = "score"
  static let summary = "Adds the points sent to the player's total, and answers with the total."
  static let isOnByDefault = true
  /// All that it knows is with the connections.
  static let handover = PluginHandover.stateless

  /// The total of one player, kept with the connection, and by an upgrade.
  private enum Total: LastingPropertyKey {
    typealias Value = Int
    static let stateName = "score.total"
  }

  private let id: UInt32
  private let maximum: Int

  init(settings: inout PluginSettings) {
    id = settings.integer("MsgID", default: 10, shown: true, "message id that is answered")
    maximum = settings.integer("Maximum", default: 1000, in: 1...1_000_000, shown: true, "points that one message may add")
  }

  func register(in routes: inout RouteRegistrar) {
    routes.keep(Total.self)
    routes.route(id) { [maximum] request in
      guard let points = Int(String(buffer: request.data)), (1...maximum).contains(points) else { throw NotPoints() }
      let total = (request.connection[Total.self] ?? 0) + points
      request.connection[Total.self] = total
      try request.reply("\(total)")
    }
  }
}

/// What was sent is no number, or not one that a message may add. Logged; the connection stays open.
struct NotPoints: Error {}
