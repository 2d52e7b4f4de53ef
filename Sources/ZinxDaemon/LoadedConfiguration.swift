import Zinx
import ZinxConfig

/// A configuration file that was read and checked as a whole, and the plugins it switches on.
struct LoadedConfiguration {
  let path: String
  let configuration: Configuration
  let plugins: [any RoutePlugin]
  /// Lines for the operator about what was accepted nevertheless.
  let warnings: [String]

  /// Why a file cannot be used: lines for the operator, each with its place.
  struct Refused: Error {
    let lines: [String]
  }

  /// Finds, reads and checks the file. Nothing but the file is opened.
  ///
  /// Throws: ``Refused`` with every problem that the file has.
  static func load(_ path: String?, environment: [String: String], registry: PluginRegistry) throws(Refused)
    -> LoadedConfiguration
  {
    let file: ConfigurationFile
    do { file = try ConfigurationFile.find(explicit: path, environment: environment) } catch {
      throw Refused(lines: ["error: \(error)"])
    }
    var parsed = Configuration.parse(file.bytes, knownPlugins: registry.names)
    var plugins: [any RoutePlugin] = []
    for (name, settings) in chosen(parsed, registry) {
      guard let made = registry.make(name, settings) else { continue }
      plugins.append(made.plugin)
      parsed.add(made.settings.problems)
    }
    let lines = file.lines(for: parsed)
    guard let configuration = parsed.configuration else { throw Refused(lines: lines) }
    return LoadedConfiguration(
      path: file.path, configuration: configuration, plugins: plugins, warnings: (file.warning.map { [$0] } ?? []) + lines)
  }

  private static func chosen(_ parsed: ParsedConfiguration, _ registry: PluginRegistry) -> [(String, ConfigurationValue?)] {
    guard let entries = parsed.plugins else { return registry.defaultNames.map { ($0, nil) } }
    return entries.map { ($0.name, $0.settings) }
  }
}
