import NIOCore
import Zinx

/// Answers every request with the same id and `ping...ping...ping`, as the Zinx tutorial's router does.
public struct Ping: RoutePlugin {
  public static let name = "ping"
  public static let summary = "Answers with the same id and \"ping...ping...ping\"."
  public static let isOnByDefault = true
  public static let handover = PluginHandover.stateless

  private let id: UInt32

  public init(settings: inout PluginSettings) {
    id = settings.integer("MsgID", default: 0, shown: true, "message id that is answered")
  }

  public func register(in routes: inout RouteRegistrar) {
    let answer = ByteBuffer(string: "ping...ping...ping")
    routes.route(id) { request in try request.reply(answer) }
  }
}
