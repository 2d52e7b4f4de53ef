/// A value of JSON (RFC 8259), as the lines of the control protocol hold it. What peers write in a configuration has a reader of its own,
/// which knows places and advice; this one has to be small, bounded, and the same at both ends.
package enum JSON: Sendable, Hashable {
  case null
  case bool(Bool)
  case integer(Int64)
  case number(Double)
  case string(String)
  case array([JSON])
  case object([Member])

  package struct Member: Sendable, Hashable {
    package var key: String
    package var value: JSON

    package init(_ key: String, _ value: JSON) { (self.key, self.value) = (key, value) }
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  package init(stringLiteral value: String) { self = .string(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(nilLiteral: ()) { self = .null }
  package init(arrayLiteral elements: JSON...) { self = .array(elements) }
  /// In this order.
  package init(dictionaryLiteral members: (String, JSON)...) { self = .object(members.map { Member($0.0, $0.1) }) }
}

// MARK: Making

extension JSON {
  package static func text(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }

  /// Beyond `Int64` it is the greatest one.
  package static func count(_ value: some BinaryInteger) -> JSON { .integer(Int64(clamping: value)) }

  /// Seconds with three decimals.
  package static func seconds(_ duration: Duration) -> JSON {
    // Divided last: the sum of a second and a fraction would have digits of its own.
    .number((Double(duration.components.seconds) * 1000 + (Double(duration.components.attoseconds) / 1e15).rounded()) / 1000)
  }
}

// MARK: Reading

extension JSON {
  /// A member of an object; nil without it, and of what is no object.
  package subscript(key: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  package var string: String? { if case .string(let value) = self { value } else { nil } }
  package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
  package var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
  package var members: [Member]? { if case .object(let value) = self { value } else { nil } }

  package var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
}

// MARK: Writing

extension JSON: CustomStringConvertible {
  /// On one line: whatever a text holds, there is no end of line in it, nor anything that a terminal would obey.
  package var description: String {
    var text = ""
    write(to: &text)
    return text
  }

  private func write(to text: inout String) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .number(let value): text += value.isFinite ? Self.text(value) : "null"
    case .string(let value): Self.quote(value, to: &text)
    case .array(let values):
      Self.list(values, "[", "]", to: &text) { $0.write(to: &$1) }
    case .object(let members):
      Self.list(members, "{", "}", to: &text) { member, text in
        Self.quote(member.key, to: &text)
        text += ":"
        member.value.write(to: &text)
      }
    }
  }

  private static func list<T>(
    _ values: [T], _ open: String, _ close: String, to text: inout String, _ write: (T, inout String) -> Void
  ) {
    text += open
    for (index, value) in values.enumerated() {
      if index > 0 { text += "," }
      write(value, &text)
    }
    text += close
  }

  /// Whole numbers without a fraction: a script that reads seconds wants `12` as much as `12.5`.
  private static func text(_ value: Double) -> String {
    Int64(exactly: value).map { String($0) } ?? String(value)
  }

  private static func quote(_ value: String, to text: inout String) {
    text += "\""
    defer { text += "\"" }
    // Nearly all there is; looking at scalars would cost more than the rest of a listing.
    if value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
      text += value
      return
    }
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where isHidden(scalar): for unit in String(scalar).utf16 { text += escape(unit) }
      default: text.unicodeScalars.append(scalar)
      }
    }
  }

  private static func escape(_ unit: UInt16) -> String {
    let digits = String(unit, radix: 16)
    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }

  /// Controls, and the marks that turn the direction of writing.
  package static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
    default: false
    }
  }
}

/// A text of the other side, harmless in a terminal: controls, and what turns the direction of writing, are shown as escapes.
package func shown(_ text: String) -> String {
  // Nearly all there is: a look at what each scalar is takes longer than all else that a long table does.
  if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
  guard text.unicodeScalars.contains(where: JSON.isHidden) else { return text }
  return text.unicodeScalars.map { JSON.isHidden($0) ? $0.escaped(asASCII: true) : String($0) }.joined()
}
