/// What a plugin reaches of the server that it is a part of: see ``RoutePlugin/start(in:)``. Any thread; valid as long as the server.
public struct PluginContext: Sendable {
  /// The live connections.
  public let connManager: ConnManager
  /// Who is who.
  public let users: Users
  /// The groups.
  public let groups: Groups
}
