/// The plugins that are compiled into a daemon. `zinx.json` chooses among them and configures them.
public struct PluginRegistry: Sendable {
  public let types: [any RoutePlugin.Type]
  /// Makes what connects to NATS where `zinx.json` has the key `Nats`; nil: the daemon has nothing of NATS.
  public let nats: NatsMaker?

  /// Makes the plugin that connects a server to NATS, as `NatsNode.init` of `ZinxNats` does.
  public typealias NatsMaker = @Sendable (NatsConfiguration) -> any RoutePlugin

  public init(_ types: [any RoutePlugin.Type], nats: NatsMaker? = nil) { (self.types, self.nats) = (types, nats) }

  /// Names in the order of registration.
  public var names: [String] { types.map { $0.name } }

  /// The names of those that are on when `zinx.json` has no `Plugins`.
  public var defaultNames: [String] { types.filter { $0.isOnByDefault }.map { $0.name } }

  /// Makes a plugin from its settings. Nil for a name that is not compiled in; wrong settings are returned as problems beside the
  /// plugin, which then has defaults in their place.
  ///
  /// - Parameter files: what settings that name files find there.
  public func make(
    _ name: String, _ value: ConfigurationValue?, files: SettingFiles = [:]
  ) -> (plugin: any RoutePlugin, settings: PluginSettings)? {
    guard let type = types.first(where: { $0.name == name }) else { return nil }
    var settings = PluginSettings(plugin: name, value: value, files: files)
    let plugin = type.init(settings: &settings)
    settings.finish()
    return (plugin, settings)
  }

  /// A name that more than one of them bears; nil if there is none.
  package var sharedName: String? {
    var seen: Set<String> = []
    return names.first { !seen.insert(asciiLowercased($0)).inserted }
  }

  /// The messages that a plugin serves with default settings, for `--list-plugins`.
  public func defaultIDs(_ name: String) -> [MessageIDs] {
    guard let plugin = make(name, nil)?.plugin else { return [] }
    var registrar = RouteRegistrar()
    plugin.register(in: &registrar)
    return registrar.ids
  }
}
