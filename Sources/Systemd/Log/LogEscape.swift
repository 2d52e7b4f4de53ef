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

  /// Replaces what a terminal obeys or does not show (controls, marks that change the direction of what follows, line separators) by
  /// escapes as in Swift's literals.
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
    if (0x20..<0x7f).contains(scalar.value) { return false }
    return switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: true
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
