import Glibc
import Zinx

/// Answers with what was sent, at once or after a delay: for measuring, and to see what slow handlers do.
public struct Echo: RoutePlugin {
  public static let name = "echo"
  public static let summary = "Answers with the same id and data, after Delay seconds."
  public static let handover = PluginHandover.stateless

  private let id: UInt32
  private let delay: Duration
  private let isBlocking: Bool

  public init(settings: inout PluginSettings) {
    id = settings.integer("MsgID", default: 3, shown: true, "message id that is answered")
    delay = settings.seconds("Delay", default: .zero, in: .zero ... .seconds(3600), shown: true, "time until the answer")
    isBlocking = settings.bool("Blocking", default: false, shown: true, "wait holding the worker instead of suspended")
  }

  public func register(in routes: inout RouteRegistrar) {
    guard delay > .zero else { return routes.route(id) { request in try request.echo() } }
    routes.route(id) { [self] request in
      try await pause(request.connection)
      try await request.connection.sendBuffMsg(request.id, request.data)
    }
  }

  private func pause(_ connection: Connection) async throws {
    guard isBlocking else { return try await Task.sleep(for: delay) }
    // What was answered before must not wait for us.
    connection.flush()
    var rest = timespec(
      tv_sec: Int(delay.components.seconds), tv_nsec: Int(delay.components.attoseconds / 1_000_000_000))
    var left = timespec()
    while nanosleep(&rest, &left) == -1, errno == EINTR { rest = left }
  }
}
