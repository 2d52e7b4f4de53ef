import Glibc
import Testing
import Zinx
import ZinxPlugins

@testable import ZinxDaemon

@Suite("A loaded configuration")
struct LoadedConfigurationTests {
  private let folder: TestFolder
  private let registry = PluginRegistry(bundledPlugins)

  init() throws { folder = try TestFolder() }

  private func load(_ text: String) throws -> LoadedConfiguration {
    try folder.write("z.json", text)
    return try LoadedConfiguration.load("\(folder.path)/z.json", environment: [:], registry: registry)
  }

  private func problems(of text: String) throws -> [String] {
    do {
      _ = try load(text)
      return []
    } catch {
      let refused = try #require(error as? LoadedConfiguration.Refused)
      return refused.lines.map { String($0.dropFirst(folder.path.count + 1)) }
    }
  }

  private func names(_ loaded: LoadedConfiguration) -> [String] { loaded.plugins.map { type(of: $0).name } }

  @Test("without Plugins has those that are on by default")
  func defaults() throws {
    let loaded = try load("{}")
    #expect(names(loaded) == ["ping", "hello", "greeting"])
    #expect(loaded.warnings.isEmpty)
    #expect(loaded.path == "\(folder.path)/z.json")
  }

  @Test("with Plugins has exactly those, in any spelling")
  func chosen() throws {
    #expect(names(try load(#"{"plugins": {"ECHO": {}, "Ping": {"msgid": 9}}}"#)) == ["echo", "ping"])
    #expect(names(try load(#"{"Plugins": {}}"#)).isEmpty)
  }

  @Test("merges the problems of the plugins' settings with the others by their place")
  func merged() throws {
    let text = """
      {
        "Plugins": {"echo": {"Delay": "long", "Colour": 1}, "nobody": {}},
        "MaxConn": -1
      }
      """
    let lines = try problems(of: text)
    #expect(lines.map { $0.prefix { $0 != " " } } == ["z.json:2:33:", "z.json:2:41:", "z.json:2:55:", "z.json:3:14:"])
    #expect(lines[0].contains("Delay of plugin \"echo\" is \"long\""))
    #expect(lines[1].contains("unknown setting \"Colour\" of plugin \"echo\""))
    #expect(lines[2].contains("unknown plugin \"nobody\""))
    #expect(lines[3].contains("MaxConn is -1"))
  }

  @Test("is refused for the settings of a plugin alone")
  func settingsAlone() throws {
    #expect(try problems(of: #"{"Plugins": {"ping": {"MsgID": 4294967296}}}"#).count == 1)
    #expect(try problems(of: #"{"Plugins": {"ping": []}}"#).count == 1)
  }

  @Test("keeps the warnings, with their places")
  func warnings() throws {
    let loaded = try load(#"{"LogDir": "x"}"#)
    #expect(loaded.warnings.count == 1)
    #expect(loaded.warnings.first?.hasPrefix("\(folder.path)/z.json:1:2: warning: LogDir has no effect") == true)
  }

  @Test("of a file that is not there is refused with its path")
  func missing() {
    #expect(throws: LoadedConfiguration.Refused.self) {
      try LoadedConfiguration.load("/nowhere/z.json", environment: [:], registry: registry)
    }
  }
}
