/// `OnConnStart`: runs before the connection's first request, with no lock held; may send. Throwing closes the connection.
public typealias ConnStartHook = @Sendable (Connection) async throws -> Void

/// `OnConnStop`: runs after the connection's last handler has returned, with no lock held, and is told why the connection ends.
public typealias ConnStopHook = @Sendable (Connection, CloseReason) async -> Void

/// The hooks of a server, in the order in which they were registered.
struct Hooks: Sendable {
  var start: [ConnStartHook] = []
  /// Run in reverse, so that what a plugin has set up is still there when those that build on it let go.
  var stop: [ConnStopHook] = []
}
