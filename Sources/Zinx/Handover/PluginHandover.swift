/// What a plugin has to do with it when another program takes over the connections of this one: see ``RoutePlugin/handover``.
public enum PluginHandover: Sendable {
  /// Its type says nothing, and a program with it is not replaced while it runs.
  case unknown
  /// All that it knows is in its settings, and in what lasts of connections: their users, groups and properties.
  case stateless
  /// It writes down what it knows and reads it back: ``RoutePlugin/willHandOver()``, ``RoutePlugin/didTakeOver(_:in:)``.
  case stateful
}

extension RoutePlugin {
  public static var handover: PluginHandover { .unknown }
  public func willHandOver() async throws -> [UInt8] { [] }
  public func didTakeOver(_ state: [UInt8]?, in context: PluginContext) async throws {}
}
