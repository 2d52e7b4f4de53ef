import Logging
import Testing
import Zinx
import ZinxConfig
import ZinxWire

/// What the contract says of one key: its default, and values on both sides of each limit, as they would stand in a file.
struct OptionCase: Sendable, CustomTestStringConvertible {
  var key: String
  var standard: String?
  var reload: Bool
  var good: [String]
  var bad: [String]
  var allowed: String
  /// Whether the value is looked at.
  var isKept = true
  /// Whether it says something together with another one only, which has a test of its own.
  var isHalf = false
  var testDescription: String { key }

  /// Wrong for a number of any kind.
  static let noNumber = ["\"1\"", "null", "true", "[1]", "{}", "\"\"", "1e300", "-9223372036854775808", "18446744073709551615"]
  /// Wrong for a whole number.
  static let noInteger = noNumber + ["1.5", "1.0", "1e1"]
  /// Wrong for a string.
  static let noString = ["1", "null", "true", "[\"a\"]", "{}", "\"\""]

  static func integer(_ key: String, _ standard: Int, _ lowest: Int, _ highest: Int, reload: Bool) -> OptionCase {
    OptionCase(
      key: key, standard: "\(standard)", reload: reload, good: ["\(lowest)", "\(lowest + 1)", "\(highest)"],
      bad: ["\(lowest - 1)", "\(highest + 1)"] + noInteger, allowed: "a whole number from \(lowest) to \(highest)")
  }

  static func seconds(_ key: String, _ standard: Int, from lowest: String, below: String, to highest: Int) -> OptionCase {
    OptionCase(
      key: key, standard: "\(standard)", reload: true, good: [lowest, "0.25", "1.5", "1e1", "\(highest)"],
      bad: [below, "\(highest + 1)", "\(highest).001"] + noNumber, allowed: "a number of seconds from \(lowest) to \(highest)")
  }

  static func choice(_ key: String, _ words: [String], reload: Bool, allowed: String, standard: String? = nil) -> OptionCase {
    OptionCase(
      key: key, standard: "\"\(standard ?? words[0])\"", reload: reload, good: words.map { "\"\($0)\"" },
      bad: words.map { "\"\($0.uppercased())\"" } + noString, allowed: allowed)
  }

  static func networks(_ key: String) -> OptionCase {
    OptionCase(
      key: key, standard: "[]", reload: true,
      good: ["[]", #"["10.0.0.0/8"]"#, #"["192.0.2.1", "2001:db8::/32", "::1", "0.0.0.0/0", "::/0"]"#],
      bad: ["null", "true", "1", "{}", #""10.0.0.0/8""#, #""""#],
      allowed: #"a list of networks such as "10.0.0.0/8" or "2001:db8::/32" and of single addresses"#)
  }

  /// One of a pair: by itself there is nothing that it could name.
  static func file(_ key: String) -> OptionCase {
    OptionCase(
      key: key, standard: nil, reload: true, good: ["\"\""], bad: ["1", "null", "true", "[\"a\"]", "{}", #""a\u0000""#],
      allowed: "the path of a file, which may begin with $CREDENTIALS_DIRECTORY/", isHalf: true)
  }

  /// One that says something where another opens what it is of.
  private static func half(_ expected: OptionCase) -> OptionCase {
    var expected = expected
    expected.isHalf = true
    return expected
  }

  static let all = [
    OptionCase(
      key: "Name", standard: "\"zinxd\"", reload: false,
      good: ["\"x\"", "\"zinx v-0.8 demoApp\"", "\"Grüße 😀\"", "\"\(String(repeating: "n", count: 64))\""],
      bad: noString + [
        "\"\(String(repeating: "n", count: 65))\"", "\"\(String(repeating: "ä", count: 33))\"", #""a\nb""#, #""\u001b""#,
      ],
      allowed: "printable text of 1 to 64 bytes"),
    OptionCase(
      key: "Host", standard: "\"0.0.0.0\"", reload: true,
      good: ["\"127.0.0.1\"", "\"::\"", "\"localhost\"", "\"fe80::1%eth0\"", "\"\(String(repeating: "h", count: 255))\""],
      bad: noString + [
        "\"a b\"", "\"[::1]\"", "\"127.0.0.1:80\"", "\"127.0.0.1 \"", #""a\u0000""#, "\"\(String(repeating: "h", count: 256))\"",
      ],
      allowed: "an address or a host name"),
    integer("TcpPort", 7777, 0, 65535, reload: true),
    OptionCase(
      key: "Mode", standard: #""tcp""#, reload: true, good: [#""tcp""#, #""websocket""#, #""""#],
      bad: ["1", "null", "true", #"["tcp"]"#, "{}", #""TCP""#, #""udp""#], allowed: #"one of "tcp", "websocket" or """#),
    half(integer("WsPort", 9000, 0, 65535, reload: true)),
    half(
      OptionCase(
        key: "WsPath", standard: #""/""#, reload: true, good: [#""/""#, #""/ws""#],
        bad: noString + [#""ws""#, #""/a?b""#, #""/a b""#],
        allowed: #"a path that begins with "/", without a query, of at most 256 bytes"#)),
    file("CertFile"),
    file("PrivateKeyFile"),
    OptionCase(
      key: "Listeners", standard: nil, reload: true,
      good: [
        #"[{"Name": "a", "Address": "127.0.0.1:1"}]"#,
        #"[{"Name": "a", "Address": "[::]:7777", "V6Only": true, "DataPack": "tlv-be"}, {"Name": "ü b", "Address": "0.0.0.0:7777"}]"#,
        #"[{"Name": "a", "Address": "unix:/run/a b", "Mode": "0600", "MaxConn": 1, "Backlog": 65535}]"#,
        #"[{"Name": "a", "Address": "unix:@a", "MaxPacketSize": 1, "IdleTimeout": 0.5, "Allow": [], "Deny": ["::1"]}]"#,
      ],
      bad: ["null", "{}", "[]", "\"x\"", "true", "1"],
      allowed: "a list of 1 to 64 listeners, each an object with a Name and an Address"),
    integer("MaxConn", 12000, 1, 1_000_000, reload: true),
    integer("MaxPacketSize", 4096, 1, 1 << 30, reload: true),
    integer("WorkerPoolSize", 10, 0, 1024, reload: false),
    integer("MaxWorkerTaskLen", 1024, 1, 1_000_000, reload: true),
    integer("MaxMsgChanLen", 1024, 1, 1_000_000, reload: true),
    integer("MaxConnQueueBytes", 16_777_216, 1, 1_073_741_824, reload: true),
    integer("MaxQueueBytes", 536_870_912, 0, 1_099_511_627_776, reload: true),
    OptionCase(
      key: "DataPack", standard: "\"ltv-le\"", reload: true,
      good: [
        "\"ltv-le\"", "\"tlv-be\"", "\"tlv-le\"", #"{"LengthSize": 1, "Id": 0}"#, #"{"Delimiter": "\r\n", "Id": 4294967295}"#,
        #"{"LengthOffset": 2, "LengthSize": 8, "Order": "le", "LengthAdjustment": -2, "Strip": 3, "IdOffset": 1, "IdSize": 4}"#,
      ],
      bad: ["null", "[]", "true", "1"],
      allowed:
        #"one of "ltv-le", "tlv-be" or "tlv-le", an object that describes other frames, or the name of a plugin's codec"#),
    choice("OverloadPolicy", ["reject", "wait"], reload: true, allowed: #""reject" or "wait""#),
    integer("MaxConnPerIP", 0, 0, 1_000_000, reload: true),
    integer("AcceptRate", 0, 0, 1_000_000, reload: true),
    integer("ReservedDescriptors", 64, 0, 1_000_000, reload: true),
    networks("Allow"),
    networks("Deny"),
    integer("IOThreads", 0, 0, 256, reload: false),
    seconds("IdleTimeout", 0, from: "0", below: "-0.001", to: 31_536_000),
    seconds("FirstByteTimeout", 0, from: "0", below: "-0.001", to: 86400),
    seconds("FrameTimeout", 30, from: "0", below: "-0.001", to: 86400),
    integer("MinFrameRate", 256, 0, 1_000_000_000, reload: true),
    seconds("DrainTimeout", 25, from: "0", below: "-1", to: 86400),
    seconds("HandoverTimeout", 5, from: "0", below: "-1", to: 3600),
    seconds("LingerTimeout", 2, from: "0", below: "-0.5", to: 3600),
    seconds("SlowConsumerTimeout", 10, from: "0.001", below: "0", to: 86400),
    seconds("VanishedTimeout", 120, from: "0", below: "-0.001", to: 86400),
    integer("MaxMsgRate", 0, 0, 1_000_000_000, reload: true),
    integer("MaxByteRate", 0, 0, 1_000_000_000, reload: true),
    OptionCase(
      key: "MetricsAddress", standard: nil, reload: false,
      good: [
        #""127.0.0.1:9117""#, #""[::1]:0""#, #""monitor.example:9117""#, #""unix:/run/zinxd/metrics.sock""#,
        #""unix:@zinxd-metrics""#,
      ],
      bad: ["1", "null", "true", "[\"a\"]", "{}", #""a b:9117""#, #"":9117""#],
      allowed: #"an address such as "127.0.0.1:9117", "[::1]:9117", "name:9117", "unix:/run/metrics.sock" or "unix:@name""#),
    choice(
      "LogLevel", ["trace", "debug", "info", "notice", "warning", "error", "critical"], reload: true,
      allowed: #"one of "trace", "debug", "info", "notice", "warning", "error" or "critical""#, standard: "info"),
    OptionCase(
      key: "ControlSocket", standard: nil, reload: false,
      good: ["\"off\"", "\"/run/zinxd/control.sock\"", "\"@zinxd\"", "\"/\(String(repeating: "s", count: 106))\""],
      bad: noString + [
        "\"control.sock\"", "\"/\"", "\"@\"", "\"OFF\"", "\"/\(String(repeating: "s", count: 107))\"", #""/a\u0000""#,
      ],
      allowed: #"a path that begins with / or @ and has at most 107 bytes, or "off""#),
    OptionCase(
      key: "Nats", standard: nil, reload: false, good: ["{}", #"{"Name": "n1"}"#, #"{"Servers": ["tls://h:1"], "User": "u"}"#],
      bad: ["null", "[]", "\"nats\"", "true", "1"], allowed: "an object"),
    OptionCase(
      key: "Plugins", standard: nil, reload: false, good: ["{}", "{\"ping\": {}}", "{\"ping\": {\"MsgID\": 3}, \"echo\": {}}"],
      bad: ["null", "[]", "\"ping\"", "true", "1"], allowed: "an object: plugin name to its settings"),
    OptionCase(
      key: "Custom", standard: nil, reload: true, good: ["{}", #"{"mysql": {"port": "x"}, "MaxConn": []}"#],
      bad: ["null", "[]", "\"x\"", "true", "1"], allowed: "an object", isKept: false),
  ]
}

/// Of a daemon with the bundled plugins, whose settings are shown.
func parse(_ text: String) -> ParsedConfiguration {
  let plugins = ["ping", "hello", "greeting", "echo", "broadcast", "heartbeat"]
  var parsed = Configuration.parse(Array(text.utf8), knownPlugins: plugins)
  for plugin in plugins { parsed.show(["MsgID", "Delay", "Blocking", "Timeout"], of: plugin) }
  return parsed
}

extension ParsedConfiguration {
  /// As if a plugin had said which of its settings may be printed.
  mutating func show(_ settings: [String], of plugin: String) {
    guard case .object(let members) = plugins?.first(where: { $0.name == plugin })?.settings.content else { return }
    let shown = members.map { member in
      let isShown = settings.contains { $0.lowercased() == member.key.lowercased() }
      return ConfigurationMember(key: member.key, value: isShown ? member.value : ConfigurationValue(.null))
    }
    show(ConfigurationValue(.object(shown)), of: plugin)
  }
}

@Suite("The table of options")
struct OptionsTests {
  @Test("has the keys of the contract, in its order, and no other")
  func keys() {
    #expect(Option.all.map(\.name) == OptionCase.all.map(\.key))
  }

  @Test("gives each option the default of the contract", arguments: OptionCase.all)
  func defaults(expected: OptionCase) {
    #expect(Option.named(expected.key)?.defaultText == expected.standard)
  }

  @Test("says of each option what is allowed and whether a reload changes it", arguments: OptionCase.all)
  func description(expected: OptionCase) {
    let option = Option.named(expected.key)
    #expect(option?.allowed == expected.allowed)
    #expect(option?.isReloadable == expected.reload)
    #expect(option?.help.isEmpty == false)
    #expect(option?.help.hasSuffix(".") == false)
  }

  @Test(
    "accepts each option within its limits, and gives it back as it was written", arguments: OptionCase.all.filter { !$0.isHalf })
  func good(expected: OptionCase) throws {
    for text in expected.good {
      let parsed = parse("{\"\(expected.key)\": \(text)}")
      let configuration = try #require(parsed.configuration, "\(text): \(parsed.problems)")
      let written = Option.named(expected.key)?.value(in: configuration)?.jsonText
      #expect(written == (expected.isKept ? text == "1e1" ? "10" : text : nil))
      #expect(parsed.warnings.isEmpty)
    }
  }

  @Test("changes no other option", arguments: OptionCase.all.filter { !$0.isHalf })
  func alone(expected: OptionCase) throws {
    let configuration = try #require(parse("{\"\(expected.key)\": \(expected.good[1])}").configuration)
    for option in Option.all where option.name != expected.key {
      #expect(option.value(in: configuration) == option.value(in: Configuration()))
    }
  }

  @Test(
    "refuses each option beyond its limits and of another type, naming key, value and what is allowed", arguments: OptionCase.all)
  func bad(expected: OptionCase) throws {
    for text in expected.bad {
      let parsed = parse("{\n \"\(expected.key)\": \(text)}")
      #expect(parsed.configuration == nil)
      #expect(parsed.problems.count == 1, "\(text)")
      let problem = try #require(parsed.problems.first)
      #expect(problem.position == SourcePosition(line: 2, column: expected.key.utf8.count + 6))
      #expect(problem.message.hasPrefix("\(expected.key) is "))
      #expect(problem.message.hasSuffix(", but must be \(expected.allowed)"))
    }
  }

  @Test("matches keys in any case", arguments: OptionCase.all)
  func anyCase(expected: OptionCase) {
    for key in [expected.key.lowercased(), expected.key.uppercased()] {
      let parsed = parse("{\"\(key)\": \(expected.good[0])}")
      #expect(parsed == parse("{\"\(expected.key)\": \(expected.good[0])}"))
      #expect(parsed.configuration != nil)
    }
  }

  @Test("sets the fields that the server reads")
  func fields() throws {
    let text = """
      {"Name": "n", "Host": "::1", "TcpPort": 1, "MaxConn": 2, "MaxPacketSize": 3, "WorkerPoolSize": 4, "MaxWorkerTaskLen": 5,
       "MaxMsgChanLen": 6, "MaxConnQueueBytes": 61, "MaxQueueBytes": 0, "DataPack": "tlv-be", "OverloadPolicy": "wait",
       "MaxConnPerIP": 18, "AcceptRate": 19, "ReservedDescriptors": 20, "Allow": ["10.0.0.0/8", "::1"], "Deny": ["10.1.0.0/16"],
       "IOThreads": 7, "IdleTimeout": 8.5, "DrainTimeout": 9, "HandoverTimeout": 21, "LingerTimeout": 10, "SlowConsumerTimeout": 11,
       "FirstByteTimeout": 12, "FrameTimeout": 13, "MinFrameRate": 14, "VanishedTimeout": 15, "MaxMsgRate": 16, "MaxByteRate": 17,
       "CertFile": "c", "PrivateKeyFile": "k", "MetricsAddress": "[::1]:9117", "LogLevel": "debug"}
      """
    var expected = Configuration()
    expected.server.name = "n"
    expected.server.host = "::1"
    expected.server.port = 1
    expected.server.certFile = "c"
    expected.metricsAddress = .tcp(host: "::1", port: 9117)
    expected.server.privateKeyFile = "k"
    expected.server.maxConn = 2
    expected.server.maxPacketSize = 3
    expected.server.workerPoolSize = 4
    expected.server.maxWorkerTaskLen = 5
    expected.server.maxMsgChanLen = 6
    expected.server.handoverTimeout = .seconds(21)
    expected.server.maxConnQueueBytes = 61
    expected.server.maxQueueBytes = 0
    expected.server.dataPack = .tlvBigEndian
    expected.server.overloadPolicy = .wait
    expected.server.maxConnPerIP = 18
    expected.server.acceptRate = 19
    expected.server.reservedDescriptors = 20
    expected.server.allow = [try Network("10.0.0.0/8"), try Network("::1")]
    expected.server.deny = [try Network("10.1.0.0/16")]
    expected.server.ioThreads = 7
    expected.server.idleTimeout = .milliseconds(8500)
    expected.server.drainTimeout = .seconds(9)
    expected.server.lingerTimeout = .seconds(10)
    expected.server.slowConsumerTimeout = .seconds(11)
    expected.server.firstByteTimeout = .seconds(12)
    expected.server.frameTimeout = .seconds(13)
    expected.server.minFrameRate = 14
    expected.server.vanishedTimeout = .seconds(15)
    expected.server.maxMsgRate = 16
    expected.server.maxByteRate = 17
    expected.logLevel = .debug
    #expect(parse(text).configuration == expected)
  }
}
