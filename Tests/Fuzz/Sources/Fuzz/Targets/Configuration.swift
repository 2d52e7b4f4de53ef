import Zinx
import ZinxPlugins

@testable import ZinxConfig

/// A whole `zinx.json` with the bundled plugins, from its bytes to `--check`, `--print-config` and a reload.
@Sendable func fuzzConfiguration(_ input: Input) {
  let bytes = input.bytes
  let registry = PluginRegistry(bundledPlugins)
  var parsed = Configuration.parse(bytes, knownPlugins: registry.names)
  for entry in parsed.plugins ?? [] {
    guard let made = registry.make(entry.name, entry.settings) else { return require(false, "a plugin that is kept is known") }
    parsed.take(made.settings)
  }
  check(parsed.problems + parsed.warnings, of: bytes)
  require((parsed.configuration == nil) == !parsed.problems.isEmpty, "a bad file configures nothing, a good one does")
  let lines = ConfigurationFile(path: "zinx.json", content: FileContent(bytes: bytes)).lines(for: parsed)
  require(lines.count <= 2 * (ConfigurationFile.maximumLines + 1), "the report is bounded")
  if let configuration = parsed.configuration { checkGood(configuration, registry) }
  if let imported = try? Import(bytes, knownPlugins: registry.names, defaultPlugins: registry.defaultNames) {
    let again = Configuration.parse(Array(imported.text.utf8), knownPlugins: registry.names)
    require(again.problems.isEmpty && again.warnings.isEmpty, "what is imported is a good file: \(again.problems)")
  }
}

private func checkGood(_ configuration: Configuration, _ registry: PluginRegistry) {
  let printed = Reference.json(configuration)
  let again = Configuration.parse(Array(printed.utf8), knownPlugins: registry.names)
  require(again.problems.isEmpty && again.warnings.isEmpty, "what is printed is a good file: \(again.problems)")
  require(again.configuration == configuration, "what is printed reads back as the same: \(printed)")
  let reload = Reload(current: Configuration(), proposed: configuration)
  let second = Reload(current: reload.effective, proposed: configuration)
  require(second.applied.isEmpty && second.effective == reload.effective, "a second reload of one file changes nothing")
  require(second.needsRestart == reload.needsRestart, "what takes a restart goes on taking one")
}
