import Testing
import Zinx

private func object(_ members: KeyValuePairs<String, ConfigurationValue.Content>) -> ConfigurationValue {
  let list = members.enumerated().map { index, member in
    ConfigurationMember(
      key: member.key, at: SourcePosition(line: index + 1, column: 1),
      value: ConfigurationValue(member.value, at: SourcePosition(line: index + 1, column: 10)))
  }
  return ConfigurationValue(.object(list), at: SourcePosition(line: 1, column: 5))
}

private func settings(_ members: KeyValuePairs<String, ConfigurationValue.Content> = [:]) -> PluginSettings {
  PluginSettings(plugin: "ping", value: object(members))
}

private enum Color: String, CaseIterable { case red, green, darkBlue = "dark-blue" }

@Suite("Plugin settings")
struct PluginSettingsTests {
  @Test("no value and an empty object mean every default", arguments: [nil, object([:])])
  func defaults(value: ConfigurationValue?) {
    var settings = PluginSettings(plugin: "ping", value: value)
    #expect(settings.integer("MsgID", default: UInt32(7), "id") == 7)
    #expect(settings.bool("Blocking", default: true, "") == true)
    #expect(settings.string("Text", default: "hi", "") == "hi")
    #expect(settings.seconds("Delay", default: .milliseconds(1500), "") == .milliseconds(1500))
    #expect(settings.choice("Color", default: Color.green, "") == .green)
    settings.finish()
    #expect(settings.problems.isEmpty)
  }

  @Test("a value of each type is read, whatever the case of its key")
  func values() {
    var settings = settings([
      "msgid": .integer(42), "BLOCKING": .bool(true), "Text": .string("x"), "delay": .number(0.25), "Color": .string("dark-blue"),
    ])
    #expect(settings.integer("MsgID", default: UInt32(0), "") == 42)
    #expect(settings.bool("Blocking", default: false, "") == true)
    #expect(settings.string("Text", default: "", "") == "x")
    #expect(settings.seconds("Delay", default: .zero, "") == .milliseconds(250))
    #expect(settings.choice("Color", default: Color.red, "") == .darkBlue)
    settings.finish()
    #expect(settings.problems.isEmpty)
  }

  @Test(
    "anything but an object in place of the settings is one problem",
    arguments: [
      (.null, "null"), (.bool(true), "true or false"), (.integer(5), "a number"), (.string("x"), "a string"),
      (.array([]), "a list"),
    ] as [(ConfigurationValue.Content, String)])
  func notAnObject(content: ConfigurationValue.Content, found: String) {
    let position = SourcePosition(line: 3, column: 9)
    var settings = PluginSettings(plugin: "ping", value: ConfigurationValue(content, at: position))
    #expect(settings.integer("MsgID", default: 7, "") == 7)
    settings.finish()
    #expect(settings.problems == [ConfigurationProblem(at: position, "Plugins.ping is \(found), but must be an object")])
  }

  @Test(
    "what is no whole number in range yields the default and a problem with the position of the value",
    arguments: [
      (.string("1"), "\"1\""), (.number(1.5), "1.5"), (.number(2), "2.0"), (.null, "null"), (.bool(true), "true"),
      (.integer(10), "10"), (.integer(-1), "-1"), (.array([]), "an empty list"), (.object([]), "an object"),
      (.number(1e300), "1e+300"),
    ] as [(ConfigurationValue.Content, String)])
  func wrongInteger(content: ConfigurationValue.Content, found: String) {
    var settings = settings(["MsgID": content])
    #expect(settings.integer("MsgID", default: 3, in: 0...9, shown: true, "") == 3)
    settings.finish()
    let message = "Plugins.ping.MsgID is \(found), but must be a whole number from 0 to 9"
    #expect(settings.problems == [ConfigurationProblem(at: SourcePosition(line: 1, column: 10), message)])
  }

  @Test("without a range an integer takes all that its type holds, and not one more")
  func integerLimits() {
    var settings = settings([
      "a": .integer(Int64(UInt32.max)), "b": .integer(Int64(UInt32.max) + 1), "c": .integer(.max), "d": .integer(.min),
      "e": .integer(-129),
    ])
    #expect(settings.integer("a", default: UInt32(1), "") == .max)
    #expect(settings.integer("b", default: UInt32(1), shown: true, "") == 1)
    #expect(settings.integer("c", default: UInt64(1), "") == UInt64(Int64.max))
    #expect(settings.integer("d", default: Int64(1), "") == .min)
    #expect(settings.integer("e", default: Int8(1), shown: true, "") == 1)
    #expect(
      settings.problems.map(\.message) == [
        "Plugins.ping.b is 4294967296, but must be a whole number from 0 to 4294967295",
        "Plugins.ping.e is -129, but must be a whole number from -128 to 127",
      ])
  }

  @Test(
    "seconds are whole or broken numbers, kept to the microsecond",
    arguments: [
      (.integer(0), .zero), (.integer(5), .seconds(5)), (.number(0.1), .milliseconds(100)),
      (.number(1.000001), .microseconds(1_000_001)),
      (.number(2.5), .milliseconds(2500)), (.number(1e-12), .microseconds(1)), (.integer(1_000_000_000), .seconds(1_000_000_000)),
    ] as [(ConfigurationValue.Content, Duration)])
  func seconds(content: ConfigurationValue.Content, expected: Duration) {
    var settings = settings(["Delay": content])
    #expect(settings.seconds("Delay", default: .seconds(-1), "") == expected)
    #expect(settings.problems.isEmpty)
  }

  @Test(
    "what is no number of seconds in range is a problem, however large",
    arguments: [
      .integer(-1), .number(-0.5), .number(60.1), .integer(61), .integer(.max), .integer(.min), .number(1e308),
      .number(.infinity),
      .number(.nan), .string("5s"), .null,
    ] as [ConfigurationValue.Content])
  func wrongSeconds(content: ConfigurationValue.Content) {
    var settings = settings(["Delay": content])
    #expect(settings.seconds("Delay", default: .seconds(1), in: .zero...(.seconds(60)), "") == .seconds(1))
    #expect(settings.problems.count == 1)
    #expect(settings.problems.first?.message.hasSuffix(", but must be a number of seconds from 0 to 60") == true)
  }

  @Test("a range of seconds may have fractions and negative numbers, and is cut to what a file can say")
  func secondsRange() {
    var settings = settings(["a": .number(-0.25), "b": .integer(1_000_000_001)])
    #expect(settings.seconds("a", default: .zero, in: .milliseconds(-250)...(.milliseconds(250)), "") == .milliseconds(-250))
    #expect(settings.seconds("b", default: .zero, in: .zero...(.seconds(Int64.max)), "") == .zero)
    #expect(
      settings.known.map(\.allowed) == ["a number of seconds from -0.25 to 0.25", "a number of seconds from 0 to 1000000000"])
    #expect(settings.problems.count == 1)
  }

  @Test("a word that is not one of the choices, also by case, is a problem that lists them")
  func wrongChoice() {
    var settings = settings(["Color": .string("Red"), "Other": .integer(1)])
    #expect(settings.choice("Color", default: Color.green, shown: true, "") == .green)
    #expect(settings.choice("Other", default: Color.green, shown: true, "") == .green)
    let allowed = #"but must be one of "red", "green" or "dark-blue""#
    #expect(
      settings.problems.map(\.message) == [
        "Plugins.ping.Color is \"Red\", \(allowed)", "Plugins.ping.Other is 1, \(allowed)",
      ])
  }

  @Test("numbers are no booleans and booleans no strings")
  func strict() {
    var settings = settings(["a": .integer(1), "b": .bool(true), "c": .string("true")])
    #expect(settings.bool("a", default: false, "") == false)
    #expect(settings.string("b", default: "d", "") == "d")
    #expect(settings.bool("c", default: false, "") == false)
    #expect(settings.problems.count == 3)
  }

  @Test("a setting that nobody asked for is a problem at its key, with the nearest name")
  func unknown() {
    var settings = settings(["MsgId2": .integer(1), "Colour": .null, "MSGID": .integer(2)])
    _ = settings.integer("MsgID", default: 0, "")
    settings.finish()
    #expect(
      settings.problems == [
        ConfigurationProblem(
          at: SourcePosition(line: 1, column: 1), "unknown setting \"MsgId2\" in Plugins.ping; did you mean \"MsgID\"?"),
        ConfigurationProblem(
          at: SourcePosition(line: 2, column: 1), "unknown setting \"Colour\" in Plugins.ping; it has MsgID"),
      ])
  }

  @Test("a plugin without settings says so")
  func unknownOfNone() {
    var settings = settings(["MsgID": .integer(1)])
    settings.finish()
    #expect(settings.problems.map(\.message) == ["unknown setting \"MsgID\" in Plugins.ping; it has none"])
  }

  @Test("a plugin can refuse a value for a reason of its own")
  func refuse() {
    var settings = settings(["low": .integer(9)])
    _ = settings.integer("Low", default: 0, shown: true, "")
    settings.refuse("Low", because: "must be below High")
    settings.refuse("High", because: "is needed with Low")
    #expect(
      settings.problems == [
        ConfigurationProblem(at: SourcePosition(line: 1, column: 10), "Plugins.ping.Low is 9, but must be below High"),
        ConfigurationProblem(at: nil, "Plugins.ping.High is not set, but is needed with Low"),
      ])
  }

  @Test("a value that is not shown is in no problem")
  func hidden() {
    var settings = settings(["Secret": .string("s3cret"), "Pin": .integer(4711), "Key": .string("s3cret")])
    _ = settings.integer("Secret", default: 0, "")
    _ = settings.integer("Pin", default: 0, in: 0...9, "")
    _ = settings.string("Key", default: "", "")
    settings.refuse("key", because: "is not a key")
    #expect(
      settings.problems.map(\.message) == [
        "Plugins.ping.Secret is a string, but must be a whole number from -9223372036854775808 to 9223372036854775807",
        "Plugins.ping.Pin is a number, but must be a whole number from 0 to 9",
        "Plugins.ping.key is a string, but is not a key",
      ])
    #expect(settings.known.map(\.isShown) == [false, false, false])
  }

  @Test("what was asked for documents the plugin")
  func documentation() {
    var settings = PluginSettings(plugin: "echo", value: nil)
    _ = settings.integer("MsgID", default: UInt32(3), "message id that is answered")
    _ = settings.seconds("Delay", default: .milliseconds(1500), in: .zero...(.seconds(60)), "time before the answer")
    _ = settings.bool("Blocking", default: false, "whether the delay holds the worker")
    _ = settings.choice("Color", default: Color.darkBlue, "color")
    #expect(settings.known.map(\.name) == ["MsgID", "Delay", "Blocking", "Color"])
    #expect(settings.known.map(\.type) == ["whole number", "seconds", "true or false", "string"])
    #expect(settings.known.map(\.defaultText) == ["3", "1.5", "false", "\"dark-blue\""])
    #expect(
      settings.known.map(\.allowed)[0...2] == [
        "a whole number from 0 to 4294967295", "a number of seconds from 0 to 60", "true or false",
      ])
    #expect(settings.known[0].help == "message id that is answered")
  }
}
