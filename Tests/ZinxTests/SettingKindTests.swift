import Testing

@testable import Zinx

/// `{"a": 1}`, `[true]`, … with a line for each member or element, so that problems can be told apart.
private func json(_ content: ConfigurationValue.Content, line: Int = 1) -> ConfigurationValue {
  ConfigurationValue(content, at: SourcePosition(line: line, column: 9))
}

private func list(_ elements: ConfigurationValue.Content...) -> ConfigurationValue.Content {
  .array(elements.enumerated().map { json($1, line: 10 + $0) })
}

private func object(_ members: KeyValuePairs<String, ConfigurationValue.Content>) -> ConfigurationValue.Content {
  .object(
    members.enumerated().map { index, member in
      ConfigurationMember(
        key: member.key, at: SourcePosition(line: index + 1, column: 1), value: json(member.value, line: index + 1))
    })
}

private func settings(
  _ members: KeyValuePairs<String, ConfigurationValue.Content>, files: SettingFiles = [:]
) -> PluginSettings {
  PluginSettings(plugin: "chat", value: json(object(members)), files: files)
}

private struct Room: SettingsObject, Equatable {
  let name: String
  let size: Int
  let key: String

  init(settings: inout PluginSettings) {
    name = settings.value("Name", .string(bytes: 1...40), default: "", required: true, shown: true, "name of the room")
    size = settings.integer("Size", default: 100, in: 1...1000, shown: true, "members at once")
    key = settings.string("Key", default: "", "what one says to come in")
  }
}

/// A type that has a list of itself.
private struct Tree: SettingsObject {
  let children: [Tree]

  init(settings: inout PluginSettings) {
    children = settings.value("Children", .list(of: .object(Tree.self)), default: [], "smaller ones")
  }
}

@Suite("Settings of many parts")
struct SettingKindTests {
  @Test func `a list has its elements in the order of the file`() {
    var settings = settings(["Words": list(.string("b"), .string("a")), "Ports": list()])
    #expect(settings.value("Words", .list(of: .string), default: [], "") == ["b", "a"])
    #expect(settings.value("Ports", .list(of: .integer(in: 0...9)), default: [7], "") == [])
    #expect(settings.value("Others", .list(of: .bool), default: [true], "") == [true])
    #expect(settings.problems.isEmpty)
  }

  @Test func `each element that is wrong is a problem at its place, and the default stands in for the list`() {
    var settings = settings(["Ports": list(.integer(1), .integer(10), .string("x"))])
    #expect(settings.value("Ports", .list(of: .integer(in: 0...9)), default: [7], shown: true, "") == [7])
    #expect(
      settings.problems == [
        ConfigurationProblem(
          at: SourcePosition(line: 11, column: 9), "Plugins.chat.Ports[1] is 10, but must be a whole number from 0 to 9"),
        ConfigurationProblem(
          at: SourcePosition(line: 12, column: 9), "Plugins.chat.Ports[2] is \"x\", but must be a whole number from 0 to 9"),
      ])
  }

  @Test func `a list that is none, is too short or too long is one problem`() {
    for content in [list(.bool(true)), list(.bool(true), .bool(true), .bool(true), .bool(true)), .bool(true), .object([]), .null]
    {
      var settings = settings(["Flags": content])
      #expect(settings.value("Flags", .list(of: .bool, count: 2...3), default: [], "") == [])
      #expect(settings.problems.count == 1)
      #expect(settings.problems.first?.message.hasSuffix("but must be a list of 2 to 3, each true or false") == true)
    }
  }

  @Test func `a map has the operator's keys, and its problems name them`() {
    var settings = settings(["Prices": object(["gold": .integer(3), "Big Sword": .integer(-1)]), "Empty": object([:])])
    #expect(settings.value("Prices", .map(of: .integer(in: 0...9)), default: [:], shown: true, "") == [:])
    #expect(settings.value("Empty", .map(of: .bool), default: ["x": true], "") == [:])
    #expect(
      settings.problems.map(\.message) == [
        "Plugins.chat.Prices[\"Big Sword\"] is -1, but must be a whole number from 0 to 9"
      ])
    var good = PluginSettings(plugin: "chat", value: json(object(["Prices": object(["gold": .integer(3), "tin": .integer(1)])])))
    #expect(good.value("Prices", .map(of: .integer(in: 0...9)), default: [:], "") == ["gold": 3, "tin": 1])
  }

  @Test func `an object is read as strictly as the settings of a plugin, with the path in each problem`() {
    var settings = settings([
      "Rooms": list(
        object(["Name": .string("lobby")]), object(["name": .string("hall"), "SIZE": .integer(2)]),
        object(["Name": .integer(1), "Size": .integer(0), "Colour": .bool(true)]), object(["Size": .integer(5)]), .integer(3))
    ])
    let rooms = settings.value("Rooms", .list(of: .object(Room.self)), default: [], "")
    #expect(rooms.map(\.name).prefix(2) == ["lobby", "hall"] && rooms.map(\.size).prefix(2) == [100, 2])
    settings.finish()
    #expect(
      settings.problems.map(\.message) == [
        "Plugins.chat.Rooms[2].Name is 1, but must be a string of 1 to 40 bytes",
        "Plugins.chat.Rooms[2].Size is 0, but must be a whole number from 1 to 1000",
        "unknown setting \"Colour\" in Plugins.chat.Rooms[2]; it has Name, Size, Key",
        "Plugins.chat.Rooms[3].Name is not set, but must be a string of 1 to 40 bytes",
        "Plugins.chat.Rooms[4] is a number, but must be an object",
        "Plugins.chat.Rooms[4].Name is not set, but must be a string of 1 to 40 bytes",
      ])
    #expect(settings.problems[3].position == SourcePosition(line: 13, column: 9))
  }

  @Test func `objects have their defaults, also those that are in maps and alone`() {
    var settings = settings([
      "Rooms": object(["x": object(["Name": .string("hall")])]), "Main": object(["Name": .string("lobby"), "Size": .integer(7)]),
    ])
    let rooms = settings.value("Rooms", .map(of: .object(Room.self)), default: [:], "")
    #expect(rooms["x"]?.name == "hall" && rooms["x"]?.size == 100)
    #expect(settings.value("Main", .optional(.object(Room.self)), default: nil, "")?.size == 7)
    #expect(settings.value("Other", .optional(.object(Room.self)), default: nil, "") == nil)
    settings.finish()
    #expect(settings.problems.isEmpty)
  }

  @Test func `networks and single addresses are read, and a wrong one is told why`() throws {
    var settings = settings([
      "Trusted": list(.string("10.0.0.0/8"), .string("::1")), "One": .string("10.1.0.0/8"), "No": .string("x"),
    ])
    let trusted = settings.value("Trusted", .list(of: .network), default: [], shown: true, "")
    #expect(trusted == [try Network("10.0.0.0/8"), try Network("::1")])
    _ = settings.value("One", .optional(.network), default: nil, shown: true, "")
    _ = settings.value("No", .optional(.network), default: nil, shown: true, "")
    #expect(
      settings.problems.map(\.message) == [
        "Plugins.chat.One is \"10.1.0.0/8\", but bits are set beyond its length: the network is \"10.0.0.0/8\", "
          + "a single address has no length",
        "Plugins.chat.No is \"x\", but must be a network such as \"10.0.0.0/8\" or \"2001:db8::/32\", or a single address",
      ])
  }

  @Test func `the path of a file is absolute or one of systemd's credentials, and the file is there`() {
    let files: SettingFiles = ["/etc/words": "a b", "$CREDENTIALS_DIRECTORY/words": "c"]
    var settings = settings(
      [
        "A": .string("/etc/words"), "B": .string("$CREDENTIALS_DIRECTORY/words"), "C": .string("/gone"), "D": .string("words"),
        "E": .string("$CREDENTIALS_DIRECTORY/../words"), "F": .string("/gone"),
      ], files: files)
    #expect(settings.value("A", .file(), default: "", "") == "/etc/words")
    #expect(settings.value("B", .file(), default: "", "") == "$CREDENTIALS_DIRECTORY/words")
    for key in ["C", "D", "E"] { #expect(settings.value(key, .file(), default: "", shown: true, "") == "") }
    #expect(settings.value("F", .file(isRead: false), default: "", "") == "/gone")
    #expect(
      settings.problems.map(\.message) == [
        "Plugins.chat.C is \"/gone\", but this file cannot be read: no such file",
        "Plugins.chat.D is \"words\", but must be an absolute path, or $CREDENTIALS_DIRECTORY/NAME",
        "Plugins.chat.E is \"$CREDENTIALS_DIRECTORY/../words\", but behind $CREDENTIALS_DIRECTORY/ there is one name, as in LoadCredential=",
      ])
  }

  @Test func `a required setting that is not there is a problem of the object`() {
    var settings = settings([:])
    _ = settings.value("Token", .secret, default: Secret(""), required: true, "")
    #expect(
      settings.problems.map(\.message) == ["Plugins.chat.Token is not set, but must be \(SettingKind<Secret>.secret.allowed)"])
    #expect(settings.problems.first?.position == SourcePosition(line: 1, column: 9))
    #expect(settings.known.first?.defaultText == "required")
  }

  @Test func `what is inside documents itself with its path`() {
    var settings = PluginSettings(plugin: "chat", value: nil)
    _ = settings.value("Rooms", .list(of: .object(Room.self), count: 0...64), default: [], "rooms that are always there")
    _ = settings.value("Halls", .map(of: .object(Room.self)), default: [:], "others")
    _ = settings.value("Forest", .list(of: .object(Tree.self)), default: [], "trees")
    let names = settings.known.map(\.name)
    #expect(
      names.prefix(8) == [
        "Rooms", "Rooms[].Name", "Rooms[].Size", "Rooms[].Key", "Halls", "Halls.*.Name", "Halls.*.Size", "Halls.*.Key",
      ])
    #expect(names.suffix(2) == ["Forest[].Children[].Children[].Children", "Forest[].Children[].Children[].Children[].Children"])
    #expect(settings.known[0].allowed == "a list of 0 to 64, each an object")
    #expect(settings.known[0].defaultText == "[]" && settings.known[1].defaultText == "required")
    #expect(settings.known[2].help == "members at once")
  }

  @Test func `what is printed has null for all that is not shown, however deep`() {
    var settings = settings([
      "Rooms": list(object(["Name": .string("hall"), "Key": .string("s3cret")])), "Words": list(.string("s3cret")),
      "Ports": list(.integer(1)), "Prices": object(["s3cret": .integer(1)]), "Open": object(["a": .integer(1)]),
    ])
    _ = settings.value("Rooms", .list(of: .object(Room.self)), default: [], "")
    _ = settings.value("Words", .list(of: .string), default: [], "")
    _ = settings.value("Ports", .list(of: .integer(in: 0...9)), default: [], shown: true, "")
    _ = settings.value("Prices", .map(of: .integer(in: 0...9)), default: [:], "")
    _ = settings.value("Open", .map(of: .integer(in: 0...9)), default: [:], shown: true, "")
    #expect(
      settings.printable.jsonText
        == #"{"Rooms": [{"Name": "hall", "Key": null}], "Words": [null], "Ports": [1], "Prices": null, "Open": {"a": 1}}"#
    )
  }

  @Test func `keys of a map that is not shown are in no problem`() {
    var settings = settings([
      "Pins": object(["s3cret": .integer(10)]), "Rooms": object(["s3cret": object(["Size": .integer(0)])]),
    ])
    _ = settings.value("Pins", .map(of: .integer(in: 0...9)), default: [:], "")
    _ = settings.value("Rooms", .map(of: .object(Room.self)), default: [:], "")
    #expect(settings.problems.count == 3)
    #expect(!settings.problems.map(\.message).joined().contains("s3cret"))
  }
}

@Suite("A secret")
struct SecretTests {
  private static let files: SettingFiles = [
    "/etc/token": "hunter2\n", "/etc/windows": "hunter2\r\n", "/etc/lines": "hunter\n2\n\n", "/etc/empty": "\n",
    "$CREDENTIALS_DIRECTORY/token": "hunter3",
  ]

  private static func read(_ content: ConfigurationValue.Content) -> (Secret?, PluginSettings) {
    var settings = settings(["Token": content], files: files)
    let secret = settings.value("Token", .optional(.secret), default: nil, shown: true, "")
    settings.finish()
    return (secret, settings)
  }

  @Test(arguments: [
    ("/etc/token", "hunter2"), ("/etc/windows", "hunter2"), ("/etc/lines", "hunter\n2\n"),
    ("$CREDENTIALS_DIRECTORY/token", "hunter3"),
  ])
  func `is what the file holds, without the line break at its end`(path: String, text: String) {
    let (secret, settings) = Self.read(.string(path))
    #expect(secret?.text == text)
    #expect(settings.problems.isEmpty)
    #expect(settings.contents == [Secret(text)])
    // The path, which has led to a file.
    #expect(settings.printable.jsonText == "{\"Token\": \"\(path)\"}")
  }

  @Test(
    arguments: [
      .string("hunter2"), .string("/hunter2"), .string("$CREDENTIALS_DIRECTORY/hunter2"), .string("/etc/empty"), .integer(4711),
      .null,
      .array([json(.string("hunter2"))]), object(["hunter2": .string("hunter2")]),
    ] as [ConfigurationValue.Content])
  func `is never in a problem, nor is what was written in place of its path, shown or not`(content: ConfigurationValue.Content) {
    let (secret, settings) = Self.read(content)
    #expect(secret == nil)
    #expect(settings.problems.count == 1)
    let text = settings.problems.map(\.message).joined() + settings.printable.jsonText
    #expect(!text.contains("hunter") && !text.contains("4711"), "\(text)")
  }

  @Test func `has no text that could come into a log by accident`() {
    let secret = Secret("hunter2")
    var text = "\(secret) \(String(reflecting: secret)) \(["a": secret]) \(Optional(secret) as Any)"
    dump(secret, to: &text)
    dump([Box(secret: secret)], to: &text)
    #expect(!text.contains("hunter") && !text.contains("104"), "\(text)")
  }

  private struct Box { let secret: Secret }

  @Test func `knows who knows it`() {
    let secret = Secret("hunter2")
    #expect(secret.matches("hunter2".utf8))
    for attempt in ["hunter3", "hunter", "hunter22", "", "Hunter2"] { #expect(!secret.matches(attempt.utf8)) }
  }

  @Test func `of a credential that only the service has is taken for right, also by the plugin's own rules`() {
    let files = SettingFiles(credentials: .unchecked, content: { _ in .failure(.init("?")) }, fault: { _ in .init("?") })
    var settings = settings(["Token": .string("$CREDENTIALS_DIRECTORY/token"), "Other": .string("/x")], files: files)
    if settings.value("Token", .secret, default: Secret(""), required: true, "").bytes.isEmpty {
      settings.refuse("Token", because: "must be longer")
    }
    #expect(settings.problems.isEmpty && settings.isUnchecked)
    _ = settings.value("Other", .secret, default: Secret(""), "")
    #expect(settings.problems.map(\.message) == ["Plugins.chat.Other is a string, but the file that it names cannot be read: ?"])
  }

  @Test func `of a credential in a service without any says what the unit has to have`() {
    let files = SettingFiles(credentials: .absent, content: { _ in .failure(.init("?")) }, fault: { _ in nil })
    var settings = settings(["Token": .string("$CREDENTIALS_DIRECTORY/token")], files: files)
    _ = settings.value("Token", .secret, default: Secret(""), "")
    #expect(settings.problems.first?.message.hasSuffix("the unit has to have LoadCredential= or SetCredential=") == true)
  }
}
