import NIOCore
import Zinx

/// Sends what one peer says to all of them, the sender included. Nobody waits for a peer that does not read: it is left out.
public struct Broadcast: RoutePlugin {
  public static let name = "broadcast"
  public static let summary = "Sends the data, under the same id, to every connection whose queue is not full."
  public static let handover = PluginHandover.stateless

  private let id: UInt32

  public init(settings: inout PluginSettings) {
    id = settings.integer("MsgID", default: 4, shown: true, "message id that is passed on")
  }

  public func register(in routes: inout RouteRegistrar) {
    routes.route(id) { request in try await request.connection.connManager.broadcast(request.id, request.data) }
  }
}
