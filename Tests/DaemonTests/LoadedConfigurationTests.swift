import Glibc
import Testing
import Zinx
import ZinxConfig
import ZinxPlugins

@testable import ZinxDaemon

@Suite("A loaded configuration")
struct LoadedConfigurationTests {
  private let folder: TestFolder
  private let registry = PluginRegistry(bundledPlugins)

  init() throws { folder = try TestFolder() }

  private func load(_ text: String) throws -> LoadedConfiguration {
    try folder.write("z.json", text)
    return try LoadedConfiguration.load(source("\(folder.path)/z.json"), registry: registry, program: "zinxd")
  }

  private func source(_ path: String) -> LoadedConfiguration.Source { .search(explicit: path, environment: [:]) }

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
    #expect(names(loaded) == ["ping", "hello", "greeting", "heartbeat"])
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
    #expect(lines[0].contains("Plugins.echo.Delay is \"long\""))
    #expect(lines[1].contains("unknown setting \"Colour\" in Plugins.echo"))
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
      try LoadedConfiguration.load(source("/nowhere/z.json"), registry: registry, program: "zinxd")
    }
  }

  @Test("is refused for each message id that two plugins want, at the second of them")
  func conflicts() throws {
    let text = #"{"Plugins": {"ping": {"MsgID": 3}, "echo": {}, "hello": {"MsgID": 4}, "broadcast": {}}}"#
    #expect(
      try problems(of: text) == [
        #"z.json:1:36: error: the plugins "ping" and "echo" both want message id 3: give one of them another"#,
        #"z.json:1:71: error: the plugins "hello" and "broadcast" both want message id 4: give one of them another"#,
      ])
  }

  @Test("is refused for ranges that overlap and for a second route for the rest, which are listed as an operator writes them")
  func ranges() throws {
    let registry = PluginRegistry([Low.self, High.self])
    try folder.write("z.json", #"{"Plugins": {"low": {}, "high": {}}}"#)
    let refused = try #require(throws: LoadedConfiguration.Refused.self) {
      try LoadedConfiguration.load(source("\(folder.path)/z.json"), registry: registry, program: "zinxd")
    }
    #expect(
      refused.lines.map { String($0.dropFirst(folder.path.count + 1)) } == [
        #"z.json:1:25: error: the plugins "low" and "high" both want message ids 150-199: give one of them another"#,
        #"z.json:1:25: error: the plugins "low" and "high" both want the messages without a route: switch one of them off"#,
      ])
    #expect(Daemon.list(registry) == "low   100-199,*  Has the low ones.\nhigh  150-300,*  Has the high ones.")
  }

  @Test func `lets two plugins have one id on listeners that do not meet, and names the listener where they do`() throws {
    func text(_ a: String, _ b: String) -> String {
      #"{"Plugins": {"ping": {"MsgID": 3}, "echo": {}}, "Listeners": [{"Name": "a", "Address": "127.0.0.1:1"\#(a)}, "#
        + #"{"Name": "b", "Address": "127.0.0.1:2"\#(b)}]}"#
    }
    #expect(try problems(of: text(#", "Plugins": ["ping"]"#, #", "Plugins": ["echo"]"#)).isEmpty)
    #expect(
      try problems(of: text(#", "Plugins": ["ping"]"#, "")) == [
        #"z.json:1:36: error: the plugins "ping" and "echo" both want message id 3 on the listener "b": give one of them another"#
      ])
  }

  @Test func `is refused for two plugins with one name`() throws {
    let registry = PluginRegistry([Low.self, Low.self])
    try folder.write("z.json", "{}")
    let refused = try #require(throws: LoadedConfiguration.Refused.self) {
      try LoadedConfiguration.load(source("\(folder.path)/z.json"), registry: registry, program: "zinxd")
    }
    #expect(
      refused.lines.first?.hasSuffix("error: two plugins of this zinxd have the name \"low\": rename one in its code") == true)
  }

  @Test func `reads secrets from the files that it names, and tells neither them nor a file that is none`() throws {
    let registry = PluginRegistry([Guard.self])
    try folder.write("token", "hunter2\n")
    try folder.write("credentials/token", "hunter3")
    func load(_ token: String, _ credentials: SettingFiles.Credentials) throws -> LoadedConfiguration {
      try folder.write("z.json", #"{"Plugins": {"guard": {"Token": "\#(token)"}}}"#)
      return try LoadedConfiguration.load(
        source("\(folder.path)/z.json"), registry: registry, program: "zinxd", files: .system(credentials: credentials))
    }
    func token(_ loaded: LoadedConfiguration) -> String? { (loaded.plugins.first as? Guard)?.token?.text }
    let (file, credential) = ("\(folder.path)/token", "$CREDENTIALS_DIRECTORY/token")
    let directory = SettingFiles.Credentials.directory("\(folder.path)/credentials")
    #expect(try token(load(file, .absent)) == "hunter2")
    let loaded = try load(credential, directory)
    #expect(token(loaded) == "hunter3")
    #expect(Reference.json(loaded.configuration).contains("\"Token\": \"\(credential)\""))
    #expect(!Reference.json(loaded.configuration).contains("hunter"))
    let unchecked = try load(credential, .unchecked)
    #expect(
      unchecked.warnings == [
        "note: what the plugin \"guard\" reads in $CREDENTIALS_DIRECTORY is there when the service starts, and was not looked at"
      ])
    for (path, credentials) in [(credential, .absent), ("hunter4", directory), ("/hunter4", directory), (folder.path, directory)]
    {
      let refused = try #require(throws: LoadedConfiguration.Refused.self) { try load(path, credentials) }
      #expect(refused.lines.count == 1 && refused.lines[0].contains("z.json:1:33: error: Plugins.guard.Token is a string, but "))
      #expect(!refused.lines.joined().contains("hunter"), "\(refused.lines)")
    }
  }

  private struct Guard: RoutePlugin {
    static let name = "guard"
    static let summary = "Asks for a word."
    let token: Secret?

    init(settings: inout PluginSettings) {
      token = settings.value("Token", .optional(.secret), default: nil, "the word")
    }

    func register(in routes: inout RouteRegistrar) {}
  }

  @Test("never tells what a plugin keeps to itself, whether the file is good or bad")
  func secrets() throws {
    let registry = PluginRegistry(bundledPlugins + [Keeper.self])
    func lines(_ text: String) throws -> [String] {
      try folder.write("z.json", text)
      do {
        let loaded = try LoadedConfiguration.load(source("\(folder.path)/z.json"), registry: registry, program: "zinxd")
        #expect(loaded.configuration.hasHiddenSettings)
        let reload = Reload(current: Configuration(), proposed: loaded.configuration)
        return [Reference.json(loaded.configuration)] + reload.applied + reload.needsRestart + loaded.warnings
      } catch { return error.lines }
    }
    for settings in [
      #"{"Secret": "s3cret"}"#, #"{"Secret": "s3cret", "Level": "s3cret"}"#, #"{"Secret": s3cret}"#, #"{"Secret": 4711s3cret}"#,
      #"{"Secret": "a" "s3cret"}"#, #"{"s3cret"}"#, #""s3cret""#, "s3cret", #"{"Secret": ["s3cret"]}"#, #"{"Level": "s3cret"}"#,
    ] {
      let lines = try lines(#"{"LogDir": "x", "Plugins": {"keeper": \#(settings)}}"#)
      #expect(!lines.isEmpty)
      #expect(!lines.joined().contains("s3cret"), "\(lines)")
    }
  }

  private struct Keeper: RoutePlugin {
    static let name = "keeper"
    static let summary = "Keeps a secret."

    init(settings: inout PluginSettings) {
      _ = settings.string("Secret", default: "", "what nobody may know")
      _ = settings.integer("Level", default: 0, "how secret it is")
    }

    func register(in routes: inout RouteRegistrar) {}
  }

  private struct Dependent: RoutePlugin, NatsDependent {
    static let name = "dependent"
    static let summary = "Works by NATS."
    static var configured: Self {
      var settings = PluginSettings(plugin: name, value: nil)
      return Self(settings: &settings)
    }

    init(settings: inout PluginSettings) {}
    func register(in routes: inout RouteRegistrar) {}
  }

  @Test func `has what works by NATS only where it says where that is, and a daemon has something of it`() throws {
    func lines(_ text: String, hasNats: Bool) throws -> [String] {
      try folder.write("z.json", text)
      let maker: PluginRegistry.NatsMaker = { _ in Dependent.configured }
      let registry = PluginRegistry([Dependent.self], nats: hasNats ? maker : nil)
      do {
        let loaded = try LoadedConfiguration.load(source("\(folder.path)/z.json"), registry: registry, program: "zinxd")
        #expect((loaded.node != nil) == (loaded.configuration.nats != nil))
        #expect(loaded.allPlugins.count == loaded.plugins.count + (loaded.node == nil ? 0 : 1))
        return loaded.warnings
      } catch { return error.lines.map { String($0.dropFirst(folder.path.count + 1)) } }
    }
    #expect(try lines(#"{"Nats": {}, "Plugins": {"dependent": {}}}"#, hasNats: true) == [])
    #expect(
      try lines(#"{"Plugins": {"dependent": {}}}"#, hasNats: true) == [
        "z.json:1:14: error: the plugin \"dependent\" works by NATS, and there is no key Nats, which says where that is"
      ])
    #expect(
      try lines(#"{"Nats": {}}"#, hasNats: false) == [
        "z.json: error: Nats is there, but this zinxd has nothing of NATS compiled in"
      ])
    #expect(
      try lines(#"{"Nats": {"TokenFile": "/nowhere"}}"#, hasNats: true) == [
        "z.json: error: TokenFile of Nats: the file that it names cannot be read: no such file"
      ])
  }

  @Test("speaks of the daemon by its own name, which is the default of Name too")
  func ownName() throws {
    func load(_ text: String) throws -> LoadedConfiguration {
      try folder.write("z.json", text)
      return try LoadedConfiguration.load(source("\(folder.path)/z.json"), registry: registry, program: "score-daemon")
    }
    #expect(try load("{}").configuration.server.name == "score-daemon")
    #expect(try load(#"{"Name": "other"}"#).configuration.server.name == "other")
    let names = ForeignKey.all.map(\.name)
    let keys = names.map { "\"\($0)\": 0" }.joined(separator: ", ")
    let warnings = try load("{\(keys)}").warnings
    #expect(warnings.count == names.count)
    #expect(warnings.allSatisfy { $0.contains(" has no effect in score-daemon; ") && !$0.contains("zinxd ") }, "\(warnings)")
    do { _ = try load(#"{"Plugins": {"pong": {}}}"#) } catch {
      let lines = try #require(error as? LoadedConfiguration.Refused).lines
      #expect(lines.first?.contains("this score-daemon has") == true)
    }
    for section in [ManualSection.options, .plugins, .foreign] {
      #expect(!section.text(registry, program: "score-daemon").contains("zinxd"))
    }
    let port = ZinxDaemon.ExitStatus.explain(
      ZinxError.cannotListen(address: "a:1", call: "bind", code: EACCES), path: "p", program: "score-daemon")
    #expect(port.advice.contains("score-daemon.socket"))
  }
}

private struct Low: RoutePlugin {
  static let name = "low"
  static let summary = "Has the low ones."

  init(settings: inout PluginSettings) {}

  func register(in routes: inout RouteRegistrar) {
    routes.route(100...199) { _ in }
    routes.otherwise { _ in }
  }
}

private struct High: RoutePlugin {
  static let name = "high"
  static let summary = "Has the high ones."

  init(settings: inout PluginSettings) {}

  func register(in routes: inout RouteRegistrar) {
    routes.group { $0.route(150...300) { _ in } }
    routes.otherwise { _ in }
  }
}
