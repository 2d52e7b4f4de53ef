/// One JSON object on one line, built field by field, in the order given.
struct JSONLine {
  enum Value: Equatable {
    case text(String)
    case integer(Int)
    /// Printed with three decimals; what JSON has no number for becomes null.
    case number(Double)
    case flag(Bool)
    case null
  }

  private(set) var text = "{"

  mutating func add(_ name: String, _ value: Value) {
    if text.utf8.count > 1 { text += "," }
    text += Self.quoted(name) + ":" + Self.json(value)
  }

  var line: String { text + "}" }

  private static func json(_ value: Value) -> String {
    switch value {
    case .text(let text): quoted(text)
    case .integer(let number): String(number)
    case .number(let number): number.isFinite ? decimal(number) : "null"
    case .flag(let flag): String(flag)
    case .null: "null"
    }
  }

  /// A string literal: what RFC 8259 forbids is escaped, and so are the other controls and marks that a terminal would obey.
  static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\r": quoted += "\\r"
      case "\t": quoted += "\\t"
      case _ where Bytes.isControl(scalar): for unit in String(scalar).utf16 { quoted += "\\u" + hex(unit, digits: 4) }
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}

/// A number with three decimals, rounded: `12.345`.
func decimal(_ number: Double) -> String {
  guard number.isFinite, abs(number) < 1e15 else { return "\(number)" }
  let thousandths = Int((abs(number) * 1000).rounded())
  let fraction = String(thousandths % 1000)
  let sign = number < 0 && thousandths > 0 ? "-" : ""
  return "\(sign)\(thousandths / 1000).\(String(repeating: "0", count: 3 - fraction.count))\(fraction)"
}

/// A number in lower-case hexadecimal with at least so many digits.
func hex(_ number: some BinaryInteger, digits: Int) -> String {
  let text = String(number, radix: 16)
  return String(repeating: "0", count: max(0, digits - text.count)) + text
}
