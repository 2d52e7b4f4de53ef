import Zinx

/// What a reload does to the settings of plugins that can change while these run.
struct PluginChange {
  /// The running plugins, those that can with their new settings.
  private(set) var effective: [PluginEntry]?
  /// A part of a line for each that changes.
  private(set) var applied: [String] = []

  init(_ current: [PluginEntry]?, _ proposed: [PluginEntry]?, live: [String], defaults: [String]) {
    effective = current
    var running = Self.entries(current, defaults)
    let wanted = Self.entries(proposed, defaults)
    for index in running.indices where live.contains(running[index].name) {
      let before = running[index]
      guard let after = wanted.first(where: { $0.name == before.name }), before != after else { continue }
      running[index] = after
      let change = Reload.change(before.printable.jsonText, after.printable.jsonText)
      applied.append("Plugins.\(before.name): \(change)")
    }
    guard !applied.isEmpty else { return }
    // The same plugins in whatever form the file has now.
    let isAll = running.count == wanted.count && wanted.allSatisfy(running.contains)
    effective = isAll ? proposed : running
  }

  private static func entries(_ entries: [PluginEntry]?, _ defaults: [String]) -> [PluginEntry] {
    entries ?? defaults.map { PluginEntry(name: $0, settings: ConfigurationValue(.object([]))) }
  }
}
