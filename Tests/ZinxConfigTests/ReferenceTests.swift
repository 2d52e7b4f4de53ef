import Testing
import Zinx
import ZinxConfig

@Suite("The reference made from the table")
struct ReferenceTests {
  @Test("the shipped file is a file of every default, but listens to its own machine only")
  func shipped() {
    var expected = Configuration()
    expected.server.host = "127.0.0.1"
    let parsed = parse(Reference.shippedFile)
    #expect(parsed.configuration == expected)
    #expect(parsed.warnings.isEmpty)
    #expect(Reference.shippedFile.hasPrefix("{\n  \"Name\": \"zinxd\",\n  \"Host\": \"127.0.0.1\",\n  \"TcpPort\": 7777,\n"))
    #expect(Reference.shippedFile.hasSuffix("\n  \"LogLevel\": \"info\"\n}\n"))
    #expect(!Reference.shippedFile.contains("Plugins"))
  }

  @Test("what is printed says who listens where in the one form that can say all, and the shipped file in the short one")
  func listeners() throws {
    let short = try #require(parse(#"{"Host": "127.0.0.1", "TcpPort": 1}"#).configuration)
    let long = try #require(parse(#"{"Listeners": [{"Name": "zinx", "Address": "127.0.0.1:1"}]}"#).configuration)
    #expect(short == long)
    #expect(Reference.json(short) == Reference.json(long))
    let expected = """
      {
        "Name": "zinxd",
        "Listeners": [
          {
            "Name": "zinx",
            "Address": "127.0.0.1:1"
          }
        ],
        "MaxConn": 12000,

      """
    #expect(Reference.json(short).hasPrefix(expected))
    #expect(!Reference.shippedFile.contains("Listeners"))
  }

  @Test("the keys of listeners are all in the manual and in the table of the README, those that must be there as such")
  func listenerKeys() {
    #expect(Reference.manualListeners().split(separator: ".TP\n").count == ListenerOption.all.count)
    #expect(Reference.manualListeners().contains("it has no default."))
    let rows = Reference.markdownListeners.split(separator: "\n")
    #expect(rows.count == ListenerOption.all.count + 2)
    #expect(rows.allSatisfy { $0.count { $0 == "|" } == 5 })
    #expect(rows.count { $0.contains("| required |") } == 2)
  }

  @Test("the keys of frames are all in the manual and in the table of the README")
  func frameKeys() {
    let entries = Reference.manualFrames().split(separator: ".TP\n")
    #expect(entries.count == FrameOption.all.count)
    #expect(entries.contains { $0.contains("Must be 1, 2, 3, 4 or 8 (bytes); default: required without Delimiter.") })
    let rows = Reference.markdownFrames.split(separator: "\n")
    #expect(rows.count == FrameOption.all.count + 2)
    #expect(rows.allSatisfy { $0.count { $0 == "|" } == 5 })
  }

  @Test("a printed configuration reads back as the same one", arguments: OptionCase.all)
  func roundTrip(option: OptionCase) throws {
    for text in option.good {
      let configuration = try #require(parse("{\"\(option.key)\": \(text)}").configuration)
      #expect(parse(Reference.json(configuration)).configuration == configuration)
    }
  }

  @Test("odd times read back exactly", arguments: [1, 999_999, 1_000_001, 2_100_000, 86_399_999_999, 12_345_678_901] as [Int64])
  func times(microseconds: Int64) {
    var configuration = Configuration()
    configuration.server.idleTimeout = .microseconds(microseconds)
    #expect(parse(Reference.json(configuration)).configuration == configuration)
  }

  @Test("plugins are printed with their settings")
  func plugins() throws {
    let text = #"{"Plugins": {"echo": {"Delay": 0.5, "List": [1, "a"], "Empty": {}}, "ping": {}}}"#
    var parsed = parse(text)
    parsed.show(["delay", "List", "Empty"], of: "echo")
    let configuration = try #require(parsed.configuration)
    #expect(!configuration.hasHiddenSettings)
    let expected = """
        "Plugins": {
          "echo": {
            "Delay": 0.5,
            "List": [
              1,
              "a"
            ],
            "Empty": {}
          },
          "ping": {}
        }
      }

      """
    #expect(Reference.json(configuration).hasSuffix(expected))
    #expect(parse(Reference.json(configuration)).configuration == configuration)
  }

  @Test("a plugin's setting that is not shown is printed as null, which no file may say, however secret its name is")
  func hidden() throws {
    var parsed = parse(#"{"Plugins": {"echo": {"Delay": 0.5, "Secret": "s3cret"}}}"#)
    parsed.show(["Delay"], of: "echo")
    let configuration = try #require(parsed.configuration)
    #expect(configuration.hasHiddenSettings)
    #expect(Reference.json(configuration).contains("    \"echo\": {\n      \"Delay\": 0.5,\n      \"Secret\": null\n    }"))
    let untold = Configuration.parse(Array(#"{"Plugins": {"echo": {"Delay": 0.5}}}"#.utf8), knownPlugins: ["echo"])
    #expect(Reference.json(try #require(untold.configuration)).contains("\"Delay\": null"))
  }

  @Test("the table of the README has a row for each option")
  func markdown() {
    let rows = Reference.markdown.split(separator: "\n")
    #expect(rows.count == Option.all.count + 2)
    #expect(rows.allSatisfy { $0.hasPrefix("|") && $0.hasSuffix("|") && $0.count { $0 == "|" } == 6 })
    #expect(
      rows.contains(
        "| `TcpPort` | `7777` | a whole number from 0 to 65535 | yes | TCP port; 0 asks the kernel for one, and the log says which |"
      ))
  }

  @Test("the manual has an entry for each option, with limits, default and what a reload does")
  func manual() {
    let entries = Reference.manualOptions().split(separator: ".TP\n")
    #expect(entries.count == Option.all.count)
    #expect(
      entries.contains(
        """
        .B MaxPacketSize
        Data in one message from a peer; a longer one closes its connection.
        Must be a whole number from 1 to 1073741824 (bytes); default 4096. A reload changes it.

        """))
    #expect(
      entries.contains(
        """
        .B DataPack
        How messages are cut out of the bytes: the order of the Zinx header, or other frames; open connections keep theirs.
        Must be one of \\(dqltv\\-le\\(dq, \\(dqtlv\\-be\\(dq or \\(dqtlv\\-le\\(dq, an object that describes other frames, or the name of a plugin's codec; default \\(dqltv\\-le\\(dq. A reload changes it.

        """))
  }

  @Test("no line of the manual starts with what troff takes for a request, beside those meant")
  func requests() {
    let settings = [PluginSetting(name: ".x", type: "", defaultText: "'\\'", allowed: "-", help: "'quoted'")]
    #expect(Reference.manualPlugin(settings) == ".TP\n.B \\&.x\n\\&'quoted'.\nMust be \\-; default '\\e'.\n")
    for line
      in (Reference.manualOptions() + Reference.manualListeners() + Reference.manualFrames() + Reference.manualForeignKeys())
      .split(separator: "\n")
    where line.hasPrefix(".") {
      #expect(line == ".TP" || line.hasPrefix(".B "))
    }
  }

  @Test("the manual names every key of other versions")
  func foreign() {
    #expect(Reference.manualForeignKeys().split(separator: ".TP\n").count == ForeignKey.all.count)
    #expect(Reference.manualForeignKeys().contains(".B HeartbeatMax\nUse Timeout of the plugin heartbeat.\n"))
  }
}
