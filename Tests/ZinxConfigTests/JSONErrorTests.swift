import Testing
import Zinx
import ZinxConfig

private func problem(_ bytes: [UInt8]) -> String {
  let document = JSONParser.parse(bytes)
  guard document.value == nil, document.problems.count == 1, let problem = document.problems.first else { return "accepted" }
  return "\(problem.position?.line ?? 0):\(problem.position?.column ?? 0): \(problem.message)"
}

@Suite("The JSON parser, on bad text")
struct JSONErrorTests {
  @Test(
    "an error of syntax is one problem that says where, and what to do",
    arguments: [
      ("", "1:1: the file is empty, but must hold a JSON object"),
      (" \n\n", "3:1: the file is empty, but must hold a JSON object"),
      ("{", "1:2: expected a key in double quotes, found the end of the file"),
      ("{\"a\": 1,\n}", "1:8: a \",\" before \"}\" is not allowed in JSON; remove it"),
      ("[1, 2, ]", "1:6: a \",\" before \"]\" is not allowed in JSON; remove it"),
      ("{\"a\": 1\n \"b\": 2}", "2:2: expected \",\" or \"}\", found \"b\""),
      ("{\"a\" 1}", "1:6: expected \":\" after the key \"a\", found \"1\""),
      ("{\"a\": }", "1:7: expected a value, found \"}\""),
      ("{\"a\": 1} x", "1:10: expected the end of the file, found \"x\"; strings are written in double quotes"),
      ("{} {}", "1:4: expected the end of the file, found \"{\""),
      ("{,}", "1:2: expected a key in double quotes, found \",\""),
      ("[1 2]", "1:4: expected \",\" or \"]\", found \"2\""),
      ("// c\n{}", "1:1: expected a value, found \"/\"; JSON has no comments"),
      ("{\n  # c\n}", "2:3: expected a key in double quotes, found \"#\"; JSON has no comments"),
      ("{\"a\": 1 /* c */}", "1:9: expected \",\" or \"}\", found \"/\"; JSON has no comments"),
      ("{'a': 1}", "1:2: expected a key in double quotes, found \"'\"; strings are written in double quotes"),
      ("{MaxConn: 1}", "1:2: expected a key in double quotes, found \"MaxConn\"; strings are written in double quotes"),
      ("{“a”: 1}", "1:2: expected a key in double quotes, found \"“a”\""),
      ("True", "1:1: expected a value, found \"True\"; write true in lower case"),
      ("[NULL]", "1:2: expected a value, found \"NULL\"; write null in lower case"),
      ("\u{1}", "1:1: expected a value, found byte 0x1"),
    ])
  func syntax(text: String, expected: String) {
    #expect(problem(Array(text.utf8)) == expected)
  }

  @Test(
    "numbers are written as JSON has them",
    arguments: [
      ("+1", "expected a value, found \"+1\""),
      (".5", "expected a value, found \".5\""),
      ("-", "\"-\" is not a JSON number; it starts with a digit, and has no leading zero"),
      ("007", "\"007\" is not a JSON number; it starts with a digit, and has no leading zero"),
      ("-01", "\"-01\" is not a JSON number; it starts with a digit, and has no leading zero"),
      ("5.", "\"5.\" is not a JSON number; a digit must follow the point"),
      ("1e", "\"1e\" is not a JSON number; a digit must follow the exponent"),
      ("1e+", "\"1e+\" is not a JSON number; a digit must follow the exponent"),
      ("0x10", "\"0x10\" is not a JSON number; write digits only, and no unit"),
      ("25s", "\"25s\" is not a JSON number; write digits only, and no unit"),
      ("1_000", "\"1_000\" is not a JSON number; write digits only, and no unit"),
      ("1.2.3", "\"1.2.3\" is not a JSON number; write digits only, and no unit"),
      ("1e999", "the number \"1e999\" is out of range"),
      ("-1e999", "the number \"-1e999\" is out of range"),
      ("NaN", "expected a value, found \"NaN\"; strings are written in double quotes"),
    ])
  func numbers(text: String, expected: String) {
    #expect(problem(Array(text.utf8)) == "1:1: " + expected)
  }

  @Test(
    "strings are written as JSON has them",
    arguments: [
      (#"["a"#, "1:2: the string has no closing double quote"),
      ("[\"a\n\"]", "1:2: the string has no closing double quote on its line"),
      ("[\"a\r\n\"]", "1:2: the string has no closing double quote on its line"),
      ("[\"a\tb\"]", "1:4: control character in a string; write \\t instead"),
      ("[\"a\u{1F}\"]", "1:4: control character in a string; write \\u001f instead"),
      ("[\"\0\"]", "1:3: control character in a string; write \\u0000 instead"),
      (#"["C:\logs"]"#, #"1:5: unknown escape in a string; a backslash itself is written "\\""#),
      (#"["\u12"]"#, #"1:3: "\u" in a string must be followed by four hexadecimal digits"#),
      (#"["\u+123"]"#, #"1:3: "\u" in a string must be followed by four hexadecimal digits"#),
      (#"["\uD83D"]"#, "1:3: half of a surrogate pair in a string"),
      (#"["\uD83Dx"]"#, "1:3: half of a surrogate pair in a string"),
      (#"["\uD83D\n"]"#, "1:3: half of a surrogate pair in a string"),
      (#"["\uD83D\u0041"]"#, "1:3: half of a surrogate pair in a string"),
      (#"["\uDE00"]"#, "1:3: half of a surrogate pair in a string"),
      (#"["\"#, "1:3: the file ends inside a string"),
      (#"["\u00"#, #"1:3: "\u" in a string must be followed by four hexadecimal digits"#),
    ])
  func strings(text: String, expected: String) {
    #expect(problem(Array(text.utf8)) == expected)
  }

  @Test(
    "what is not UTF-8 is refused",
    arguments: [
      ([0x22, 0xFF, 0x22], "1:1: the string is not valid UTF-8"),
      ([0x22, 0xC0, 0x80, 0x22], "1:1: the string is not valid UTF-8"),
      ([0x22, 0xED, 0xA0, 0x80, 0x22], "1:1: the string is not valid UTF-8"),
      ([0x22, 0xE2, 0x82, 0x22], "1:1: the string is not valid UTF-8"),
      ([0xFF, 0xFE, 0x7B, 0x00], "1:1: the file is UTF-16, but must be UTF-8"),
      ([0xFE, 0xFF, 0x00, 0x7B], "1:1: the file is UTF-16, but must be UTF-8"),
      ([0x7B, 0x00, 0x22, 0x00], "1:2: expected a key in double quotes, found byte 0x0; is the file UTF-16? it must be UTF-8"),
      ([0xFF], "1:1: expected a value, found \"\u{FFFD}\""),
    ] as [([UInt8], String)])
  func encoding(bytes: [UInt8], expected: String) {
    #expect(problem(bytes) == expected)
  }

  @Test("a long word is shown in part")
  func longWord() {
    let text = String(repeating: "x", count: 5000)
    #expect(problem(Array(text.utf8)).count < 120)
    #expect(problem(Array(("[" + String(repeating: "9", count: 5000) + "]").utf8)).count < 120)
  }
}
