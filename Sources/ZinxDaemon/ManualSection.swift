import ArgumentParser
import Zinx
import ZinxConfig

/// The parts of `zinx.json(5)` that follow from the tables, in roff: whoever packages a daemon pastes them into its manual.
enum ManualSection: String, ExpressibleByArgument {
  case options, listeners, tls, frames, nats, plugins, foreign

  func text(_ registry: PluginRegistry, program: String) -> String {
    switch self {
    case .options: Reference.manualOptions(for: program)
    case .listeners: Reference.manualListeners()
    case .tls: Reference.manualTLS()
    case .frames: Reference.manualFrames()
    case .nats: Reference.manualNats()
    case .foreign: Reference.manualForeignKeys(for: program)
    case .plugins: registry.types.map { Self.plugin($0, registry) }.joined()
    }
  }

  private static func plugin(_ type: any RoutePlugin.Type, _ registry: PluginRegistry) -> String {
    let settings = registry.make(type.name, nil).map { Reference.manualPlugin($0.settings.known) } ?? ""
    let state = registry.defaultNames.contains(type.name) ? "On by default." : "Off by default."
    let change = settings.isEmpty || !(type is any ReloadablePlugin.Type) ? "" : "A reload changes its settings.\n"
    return ".SS \(type.name)\n\(type.summary)\n\(state)\n\(change)\(settings)"
  }
}
