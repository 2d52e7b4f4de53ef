extension ConfigurationValue {
  /// The value as JSON on one line.
  package var jsonText: String {
    switch content {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): String(value)
    case .number(let value): value.isFinite ? String(value) : "null"
    case .string(let value): quotedJSON(value)
    case .array(let values): "[" + values.map(\.jsonText).joined(separator: ", ") + "]"
    case .object(let members): "{" + members.map(\.jsonText).joined(separator: ", ") + "}"
    }
  }

  /// The value as a problem names it: short, on one line, and harmless in a terminal whatever the file holds.
  package var found: String {
    switch content {
    case .array(let elements): elements.isEmpty ? "an empty list" : "a list of \(elements.count)"
    case .object: "an object"
    case .string(let value): quotedBriefly(value)
    default: jsonText
    }
  }

  /// The value as a problem names it that must not show it.
  package var kind: String {
    switch content {
    case .null: "null"
    case .bool: "true or false"
    case .integer, .number: "a number"
    case .string: "a string"
    case .array: "a list"
    case .object: "an object"
    }
  }
}

extension ConfigurationMember {
  var jsonText: String { quotedJSON(key) + ": " + value.jsonText }
}

/// The text as a JSON string. Every control character is escaped, also those that JSON would allow (DEL and C1), and so are the
/// marks that turn the direction of writing, because an operator reads the result in a terminal or the journal.
package func quotedJSON(_ text: String) -> String {
  var quoted = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": quoted += "\\\""
    case "\\": quoted += "\\\\"
    case "\n": quoted += "\\n"
    case "\r": quoted += "\\r"
    case "\t": quoted += "\\t"
    case _ where !scalar.isPrintable: for unit in String(scalar).utf16 { quoted += escape(unit) }
    default: quoted.unicodeScalars.append(scalar)
    }
  }
  return quoted + "\""
}

/// The text as a JSON string, cut after forty characters.
package func quotedBriefly(_ text: String) -> String {
  let brief = text.unicodeScalars.prefix(41)
  return brief.count <= 40 ? quotedJSON(text) : quotedJSON(String(brief.dropLast()) + "…")
}

extension Unicode.Scalar {
  /// Whether the scalar shows as itself: no control or format character, no line break beside the ASCII ones.
  package var isPrintable: Bool {
    switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: false
    default: true
    }
  }
}

private func escape(_ unit: UInt16) -> String {
  let digits = String(unit, radix: 16)
  return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
}
