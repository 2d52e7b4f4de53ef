import Testing
import Zinx
import ZinxConfig

private func problems(_ text: String) -> [String] { parse(text).problems.map(\.message) }

private let custom = #"; what is not for zinxd goes into the object "Custom""#

@Suite("A configuration file's text")
struct ConfigurationTests {
  @Test("an empty object means every default")
  func empty() {
    #expect(parse("{}").configuration == Configuration())
  }

  @Test("a value of the wrong kind is named with key, value found and what is allowed")
  func wrongValue() {
    #expect(problems(#"{"maxconn": "many"}"#) == ["MaxConn is \"many\", but must be a whole number from 1 to 1000000"])
  }

  @Test(
    "an unknown key is an error, with the nearest known one if there is one",
    arguments: [
      (#"{"MaxCon": 1}"#, "unknown key \"MaxCon\"; did you mean \"MaxConn\"?"),
      (#"{"Port": 1}"#, "unknown key \"Port\"; did you mean \"TcpPort\"?"),
      (#"{"plugin": {}}"#, "unknown key \"plugin\"; did you mean \"Plugins\"?"),
      (#"{"Frobnicate": 1}"#, "unknown key \"Frobnicate\"" + custom), (#"{"": 1}"#, "unknown key \"\"" + custom),
      (#"{"a\u001bb": 1}"#, #"unknown key "a\u001bb""# + custom),
    ])
  func unknownKey(text: String, message: String) {
    #expect(problems(text) == [message])
  }

  @Test("every problem of a file is reported at once, in the order of the file")
  func several() {
    let text = """
      {
        "MaxConn": "many",
        "MaxCon": 3,
        "LogDir": "./log",
        "Plugins": {"pong": {}, "ping": {}, "PING": {}},
        "TcpPort": 70000,
        "maxconn": 5
      }
      """
    let parsed = parse(text)
    #expect(parsed.configuration == nil)
    #expect(
      parsed.problems.map { "\($0.position?.line ?? 0):\($0.position?.column ?? 0): \($0.message)" } == [
        "2:14: MaxConn is \"many\", but must be a whole number from 1 to 1000000",
        "3:3: unknown key \"MaxCon\"; did you mean \"MaxConn\"?",
        "5:15: unknown plugin \"pong\"; this zinxd has broadcast, echo, greeting, heartbeat, hello, ping; did you mean \"ping\"?",
        "5:39: duplicate key \"PING\"; the first, \"ping\", is at line 5, column 27 (case makes no difference)",
        "6:14: TcpPort is 70000, but must be a whole number from 0 to 65535",
        "7:3: duplicate key \"maxconn\"; the first, \"MaxConn\", is at line 2, column 3 (case makes no difference)",
      ])
    #expect(parsed.warnings.map(\.position) == [SourcePosition(line: 4, column: 3)])
    #expect(parsed.plugins?.map(\.name) == ["ping"])
  }

  @Test(
    "a file that is no object is refused", arguments: [("[]", "an empty list"), ("5", "5"), ("\"x\"", "\"x\""), ("null", "null")])
  func notAnObject(text: String, found: String) {
    #expect(problems(text) == ["the file holds \(found), but must hold an object"])
  }

  @Test("an error of syntax is one problem and configures nothing")
  func syntax() {
    let parsed = parse(#"{"MaxConn": 3,}"#)
    #expect(parsed.problems.count == 1)
    #expect(parsed.configuration == nil)
    #expect(parsed.plugins == nil)
  }

  @Test("a file of Go Zinx works as it is")
  func goFile() {
    let text = #"{"Name":"zinx v-0.8 demoApp","Host":"127.0.0.1","TcpPort":7777,"MaxConn":3,"WorkerPoolSize":10}"#
    var expected = Configuration()
    expected.server.name = "zinx v-0.8 demoApp"
    expected.server.host = "127.0.0.1"
    expected.server.maxConn = 3
    let parsed = parse(text)
    #expect(parsed.configuration == expected)
    #expect(parsed.warnings.isEmpty)
  }

  @Test("a file of a later Go Zinx works too, with one warning for each key that has no meaning here")
  func laterGoFile() {
    let text = #"{"TCPPort": 8999, "LogDir": "./mylog", "LogIsolationLevel": 1, "KcpPort": 9001, "MaxConn": 3}"#
    let parsed = parse(text)
    var expected = Configuration()
    expected.server.port = 8999
    expected.server.maxConn = 3
    #expect(parsed.configuration == expected)
    #expect(
      parsed.warnings.map(\.message) == [
        "LogDir has no effect in zinxd; the log goes to the journal: journalctl -u zinxd",
        "LogIsolationLevel has no effect in zinxd; use LogLevel",
        "KcpPort has no effect in zinxd; zinxd speaks TCP only, not KCP",
      ])
  }

  @Test(
    "every foreign key is accepted with any value in any case, and warned of once",
    arguments: ForeignKey.all)
  func foreign(key: ForeignKey) {
    #expect(Option.named(key.name) == nil)
    #expect(!key.advice.isEmpty)
    for (spelling, value) in [(key.name, "1"), (key.name.lowercased(), "\"x\""), (key.name.uppercased(), "{\"a\": [null]}")] {
      let parsed = parse("{\"\(spelling)\": \(value)}")
      #expect(parsed.configuration == Configuration())
      #expect(parsed.warnings.count == 1)
    }
  }

  @Test("no foreign key is listed twice")
  func foreignOnce() {
    #expect(Set(ForeignKey.all.map { $0.name.lowercased() }).count == ForeignKey.all.count)
  }
}

@Suite("The plugins of a configuration file")
struct ConfigurationPluginsTests {
  @Test("without the key the default ones are meant, with an empty object none")
  func absent() {
    #expect(parse("{}").configuration?.plugins == nil)
    #expect(parse(#"{"Plugins": {}}"#).configuration?.plugins == [])
  }

  @Test("plugins keep the file's order, and get their own spelling and their settings with positions")
  func entries() throws {
    let plugins = try #require(parse("{\"plugins\": {\n\"Hello\": {\"MsgID\": 7},\n\"PING\": {}}}").plugins)
    #expect(plugins.map(\.name) == ["hello", "ping"])
    #expect(plugins.map(\.position?.line) == [2, 3])
    #expect(plugins.map(\.settings.jsonText) == ["{\"MsgID\": 7}", "{}"])
    #expect(plugins[0].settings.position == SourcePosition(line: 2, column: 10))
  }

  @Test("an unknown plugin is named with those that there are")
  func unknown() {
    #expect(
      problems(#"{"Plugins": {"weather": {}}}"#) == [
        "unknown plugin \"weather\"; this zinxd has broadcast, echo, greeting, heartbeat, hello, ping"
      ])
    let bare = Configuration.parse(Array(#"{"Plugins": {"x": {}}}"#.utf8), knownPlugins: [])
    #expect(bare.problems.map(\.message) == ["unknown plugin \"x\"; this zinxd has no plugins"])
  }

  @Test("problems with settings join the others, in the order of the file")
  func merged() throws {
    var parsed = parse("{\"MaxConn\": 0,\n\"Plugins\": {\"ping\": {\"MsgID\": \"1\", \"MsgIDD\": 2}},\n\"TcpPort\": -1}")
    let entry = try #require(parsed.plugins?.first)
    var settings = PluginSettings(plugin: entry.name, value: entry.settings)
    _ = settings.integer("MsgID", default: UInt32(0), shown: true, "")
    settings.finish()
    parsed.add(settings.problems)
    #expect(parsed.problems.map(\.position?.line) == [1, 2, 2, 3])
    #expect(parsed.problems[1].message.hasPrefix("Plugins.ping.MsgID is \"1\""))
    #expect(parsed.problems[2].message.hasPrefix("unknown setting \"MsgIDD\""))
  }

  @Test("a good file stops being one when its plugins' settings are wrong")
  func addedProblem() {
    var parsed = parse("{}")
    #expect(parsed.configuration != nil)
    parsed.add([])
    #expect(parsed.configuration != nil)
    parsed.add([ConfigurationProblem(at: nil, "two routes for one id")])
    #expect(parsed.configuration == nil)
  }

  @Test("entries are equal wherever they stand in the file")
  func equality() {
    let one = parse("{\"Plugins\": {\"ping\": {\"MsgID\": 1}}}").configuration
    #expect(one == parse("{\n\n  \"Plugins\": {\n  \"ping\": {\n \"MsgID\": 1}}}").configuration)
    #expect(one != parse("{\"Plugins\": {\"ping\": {\"MsgID\": 2}}}").configuration)
    #expect(one != parse("{\"Plugins\": {\"hello\": {\"MsgID\": 1}}}").configuration)
  }
}
