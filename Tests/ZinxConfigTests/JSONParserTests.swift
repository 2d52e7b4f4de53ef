import Testing
import Zinx
import ZinxConfig

private func content(_ text: String) -> ConfigurationValue.Content? { JSONParser.parse(Array(text.utf8)).value?.content }

private func strings(_ text: String) -> String? {
  if case .string(let value) = content(text) { value } else { nil }
}

@Suite("The JSON parser, on good text")
struct JSONParserTests {
  @Test(
    "every kind of value is read",
    arguments: [
      ("null", .null), ("true", .bool(true)), (" false\n", .bool(false)), ("0", .integer(0)), ("-0", .integer(0)),
      ("[]", .array([])),
      ("{ }", .object([])), ("\t[\r\n]", .array([])), ("\"\"", .string("")),
    ] as [(String, ConfigurationValue.Content)])
  func kinds(text: String, expected: ConfigurationValue.Content) {
    #expect(content(text) == expected)
  }

  @Test(
    "a number is an integer when written as one and within 64 bits, and a Double otherwise",
    arguments: [
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("9223372036854775808", .number(9_223_372_036_854_775_808)), ("18446744073709551615", .number(18_446_744_073_709_551_616)),
      ("1.0", .number(1)), ("-0.5", .number(-0.5)), ("1e3", .number(1000)), ("1E+2", .number(100)), ("25e-1", .number(2.5)),
      ("1e-999", .number(0)), ("123456789012345678901234567890", .number(1.2345678901234568e29)),
    ] as [(String, ConfigurationValue.Content)])
  func numbers(text: String, expected: ConfigurationValue.Content) {
    #expect(content(text) == expected)
  }

  @Test(
    "escapes stand for their characters, surrogate pairs for one",
    arguments: [
      (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e4\u20AC""#, "Aä€"), (#""\ud83d\uDE00!""#, "😀!"),
      (#""\u0000""#, "\0"), ("\"Grüße 😀\u{7F}\"", "Grüße 😀\u{7F}"), (#""\\u0041""#, "\\u0041"),
    ])
  func escapes(text: String, expected: String) {
    #expect(strings(text) == expected)
  }

  @Test("members keep their order, and values and keys know where they stand")
  func positions() throws {
    let text = "{\n  \"a\": 1,\r\n\t\"ä\" : [true,\n \"x\"]}"
    guard case .object(let members) = content(text) else { throw Failure() }
    #expect(members.map(\.key) == ["a", "ä"])
    #expect(members.map(\.position) == [SourcePosition(line: 2, column: 3), SourcePosition(line: 3, column: 2)])
    #expect(members[0].value.position == SourcePosition(line: 2, column: 8))
    // "ä" is two bytes, and columns count bytes.
    #expect(members[1].value.position == SourcePosition(line: 3, column: 9))
    guard case .array(let elements) = members[1].value.content else { throw Failure() }
    #expect(elements.map(\.position) == [SourcePosition(line: 3, column: 10), SourcePosition(line: 4, column: 2)])
  }

  @Test("a byte order mark is passed over and takes no column")
  func byteOrderMark() {
    let document = JSONParser.parse([0xEF, 0xBB, 0xBF] + Array("{}".utf8))
    #expect(document.value == ConfigurationValue(.object([]), at: SourcePosition(line: 1, column: 1)))
  }

  @Test("lists may be nested as deep as the limit, and no deeper")
  func depth() {
    func nested(_ depth: Int) -> JSONDocument {
      JSONParser.parse(Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8))
    }
    #expect(nested(JSONParser.maximumDepth).problems.isEmpty)
    #expect(nested(JSONParser.maximumDepth + 1).problems.map(\.message) == ["nested more than 64 deep"])
    #expect(nested(500_000).problems.count == 1)
    let siblings = "[" + String(repeating: "[],", count: 1000) + "[]]"
    #expect(JSONParser.parse(Array(siblings.utf8)).problems.isEmpty)
  }

  @Test("a duplicate key is a problem that names both places; the first value stays")
  func duplicate() throws {
    let document = JSONParser.parse(Array("{\"MaxConn\": 1,\n \"MaxConn\": 2}".utf8))
    let message = "duplicate key \"MaxConn\"; the first is at line 1, column 2"
    #expect(document.problems == [ConfigurationProblem(at: SourcePosition(line: 2, column: 2), message)])
    guard case .object(let members) = document.value?.content else { throw Failure() }
    #expect(members.map(\.value.content) == [.integer(1)])
  }

  @Test("a key that repeats another in different case is a duplicate, and every repetition names the first")
  func duplicateByCase() {
    let document = JSONParser.parse(Array(#"{"TcpPort": 1, "TCPPort": 2, "tcpport": 3}"#.utf8))
    #expect(
      document.problems.map(\.message) == [
        "duplicate key \"TCPPort\"; the first, \"TcpPort\", is at line 1, column 2 (case makes no difference)",
        "duplicate key \"tcpport\"; the first, \"TcpPort\", is at line 1, column 2 (case makes no difference)",
      ])
  }

  @Test("equal keys of different objects are no duplicates, and nested duplicates are found")
  func nestedKeys() {
    #expect(JSONParser.parse(Array(#"{"a": {"a": 1}, "b": {"a": 1}}"#.utf8)).problems.isEmpty)
    #expect(JSONParser.parse(Array(#"{"a": {"b": 1, "B": 2}, "A": [{"c": 1, "c": 1}]}"#.utf8)).problems.count == 3)
  }

  @Test("duplicates before an error of syntax are reported with it")
  func duplicateAndSyntax() {
    let document = JSONParser.parse(Array(#"{"a": 1, "a": 2, "b"}"#.utf8))
    #expect(document.value == nil)
    #expect(document.problems.count == 2)
  }
}

struct Failure: Error {}
