/// Makes text from anywhere safe to show on one terminal among other lines.
enum LogEscape {
  /// A message keeps its line breaks, but what follows one is set in, so that it cannot pass for a line of its own.
  static func message(_ text: String) -> String {
    escaped(text) { $0 == "\n" ? "\n    " : nil }
  }

  /// A key is one word.
  static func key(_ text: String) -> String {
    escaped(text) { $0 == " " || $0 == "=" ? "_" : nil }
  }

  /// A value that could be misread (empty, with a space, `=` or `"`) is quoted.
  static func value(_ text: String) -> String {
    let quoted = text.isEmpty || text.unicodeScalars.contains { " =\"".unicodeScalars.contains($0) }
    guard quoted else { return escaped(text) { _ in nil } }
    return "\"\(escaped(text) { $0 == "\"" ? "\\\"" : $0 == "\\" ? "\\\\" : nil })\""
  }

  /// Replaces control characters and those that change the direction of what follows by escapes as in Swift's literals.
  private static func escaped(_ text: String, _ special: (Unicode.Scalar) -> String?) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      if let replacement = special(scalar) {
        result += replacement
      } else if isHarmful(scalar) {
        result += escape(scalar)
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x00...0x1f, 0x7f...0x9f: true
    case 0x2028, 0x2029, 0x200e, 0x200f, 0x202a...0x202e, 0x2066...0x2069: true
    default: false
    }
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": "\\n"
    case "\r": "\\r"
    case "\t": "\\t"
    default: "\\u{\(String(scalar.value, radix: 16))}"
    }
  }
}
