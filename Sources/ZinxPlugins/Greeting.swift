import Logging
import NIOCore
import Zinx
import ZinxWire

/// Greets every connection when it begins, as the hooks of the Zinx tutorial do.
public struct Greeting: RoutePlugin {
  public static let name = "greeting"
  public static let summary = "Sends \"DoConnection BEGIN...\" to every new connection."
  public static let isOnByDefault = true
  public static let handover = PluginHandover.stateless

  private let id: UInt32
  private let log = Logger(label: "zinx.plugin.greeting")

  public init(settings: inout PluginSettings) {
    id = settings.integer("MsgID", default: 2, shown: true, "message id of the greeting")
  }

  public func register(in routes: inout RouteRegistrar) {
    let greeting = ByteBuffer(string: "DoConnection BEGIN...")
    routes.sends(id)
    routes.onConnStart { [id] connection in
      // A peer that speaks another protocol would not know what to make of it.
      guard connection.framing.dataPack != nil else { return }
      try await connection.sendBuffMsg(id, greeting)
    }
    routes.onConnStop { [log] connection, reason in
      log.debug("OnConnStop", metadata: ["connID": "\(connection.id)", "closeReason": "\(reason)"])
    }
  }
}
