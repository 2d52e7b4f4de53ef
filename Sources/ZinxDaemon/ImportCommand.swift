import Zinx
import ZinxConfig

/// `--import`: a file of Go Zinx as one of ours, and a line for each key that is not as it was.
struct ImportCommand {
  let status: ExitStatus
  /// The file; empty when there is none.
  let output: String
  /// Lines for the operator. The last one says what to do.
  let lines: [String]

  /// Reads the file and nothing else. Blocks.
  ///
  /// - Parameter name: the daemon's.
  init(_ path: String, _ registry: PluginRegistry, name: String) {
    do {
      let imported = try Self.translate(path, registry)
      status = .success
      output = imported.text
      let toDo = "Write the output to a file, decide where it says choose, and check it: \(name) --check --config FILE"
      lines = imported.notes.map { ConfigurationFile.line(for: $0, of: path) } + [toDo]
    } catch {
      (status, output) = (error.status, "")
      lines = [error.line, error.advice]
    }
  }

  private struct Refusal: Error {
    let status: ExitStatus
    let line: String
    let advice: String
  }

  private static func translate(
    _ path: String, _ registry: PluginRegistry
  ) throws(Refusal) -> (text: String, notes: [ImportNote]) {
    let bytes: [UInt8]
    do throws(FileProblem) { bytes = try ConfigurationFile.readFile(path) } catch {
      throw Refusal(
        status: .noInput, line: "error: \(path): \(error)", advice: "Name the zinx.json of the Go program: --import PATH.")
    }
    do throws(ConfigurationProblem) {
      let imported = try Import(bytes, knownPlugins: registry.names, defaultPlugins: registry.defaultNames)
      return (imported.text, imported.notes + leftToDo(imported.text, registry))
    } catch {
      let place = error.position.map { ":\($0.line):\($0.column)" } ?? ""
      throw Refusal(
        status: .configuration, line: "\(path)\(place): error: \(error.message)",
        advice: "Correct the JSON there; Go Zinx could not read this file either.")
    }
  }

  /// What `--check` would say of the file: of settings of plugins, which only these know.
  private static func leftToDo(_ text: String, _ registry: PluginRegistry) -> [ImportNote] {
    var parsed = Configuration.parse(Array(text.utf8), knownPlugins: registry.names)
    for entry in parsed.plugins ?? [] {
      if let made = registry.make(entry.name, entry.settings) { parsed.add(made.settings.problems) }
    }
    return parsed.problems.map { ImportNote(.choose, at: nil, "\($0.message); correct it") }
  }
}
