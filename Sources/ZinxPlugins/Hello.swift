import NIOCore
import Zinx

/// Answers every request with the same id and `Hello Zinx Router V0.9`, as the Zinx tutorial's second router does.
public struct Hello: RoutePlugin {
  public static let name = "hello"
  public static let summary = "Answers with the same id and \"Hello Zinx Router V0.9\"."
  public static let isOnByDefault = true
  public static let handover = PluginHandover.stateless

  private let id: UInt32

  public init(settings: inout PluginSettings) {
    id = settings.integer("MsgID", default: 1, shown: true, "message id that is answered")
  }

  public func register(in routes: inout RouteRegistrar) {
    let answer = ByteBuffer(string: "Hello Zinx Router V0.9")
    routes.route(id) { request in try request.reply(answer) }
  }
}
