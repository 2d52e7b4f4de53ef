import Zinx

/// What a reload changes. Pure: the caller switches to `effective` as one step, and logs the rest.
public struct Reload: Sendable, Equatable {
  /// The running configuration with those options of the new one that can change live.
  public let effective: Configuration
  /// The options that do change, such as `MaxConn: 12000 → 3`, in the order of the manual.
  public let applied: [String]
  /// The options that differ but take a restart, in the same form.
  public let needsRestart: [String]
  /// Whether listeners come, go or change.
  public let changesListeners: Bool

  /// - Parameters:
  ///   - current: the running configuration, that is what the last reload made `effective`.
  ///   - proposed: what the file says now.
  ///   - livePlugins: those whose settings can change live.
  ///   - defaultPlugins: those that are on where a file does not say which are.
  public init(
    current: Configuration, proposed: Configuration, livePlugins: [String] = [], defaultPlugins: [String] = []
  ) {
    var effective = current
    var applied: [String] = []
    var needsRestart: [String] = []
    let plugins = PluginChange(current.plugins, proposed.plugins, live: livePlugins, defaults: defaultPlugins)
    effective.plugins = plugins.effective
    // What a file says of listeners may be said in another form.
    let keepsListeners = current.server.allEndpoints == proposed.server.allEndpoints
    let isLong = !current.server.endpoints.isEmpty || !proposed.server.endpoints.isEmpty
    if !keepsListeners, isLong {
      let changes = ListenerChange.between(current.server.allEndpoints, proposed.server.allEndpoints)
      applied.append("Listeners: \(changes.joined(separator: "; "))")
      for option in Option.all where Self.ofListeners.contains(option.name) { option.copy(from: proposed, to: &effective) }
    }
    for option in Option.all where !option.isEqual(in: current, and: proposed) {
      if keepsListeners || isLong, Self.ofListeners.contains(option.name) { continue }
      if option.name == "Plugins" {
        applied += plugins.applied
        if effective.plugins == proposed.plugins { continue }
      }
      let change = "\(option.name): \(Self.change(Self.text(option, in: effective), Self.text(option, in: proposed)))"
      if option.isReloadable {
        option.copy(from: proposed, to: &effective)
        applied.append(change)
      } else {
        needsRestart.append(change)
      }
    }
    self.effective = effective
    self.applied = applied
    self.needsRestart = needsRestart
    changesListeners = !keepsListeners
  }

  /// What is not shown is the same in both.
  static func change(_ old: String, _ new: String) -> String {
    old == new ? "settings that are not shown" : "\(old) → \(new)"
  }

  private static func text(_ option: Option, in configuration: Configuration) -> String {
    option.value(in: configuration).map(brief) ?? "default"
  }

  /// Lists may be long, and the file has them all.
  private static func brief(_ value: ConfigurationValue) -> String {
    guard case .array(let elements) = value.content, elements.count > listedElements else { return value.jsonText }
    let shown = elements.prefix(listedElements).map(\.jsonText) + ["… \(elements.count - listedElements) more"]
    return "[" + shown.joined(separator: ", ") + "]"
  }

  private static let listedElements = 8
  private static let ofListeners = Configuration.keysOfListeners
}
