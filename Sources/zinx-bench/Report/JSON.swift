/// JSON to be written: fields keep their order.
indirect enum JSON: Equatable {
  case text(String)
  case integer(Int)
  case number(Double, places: Int)
  case object([(String, JSON)])
  case flag(Bool)
  case null

  /// On one line.
  var text: String {
    switch self {
    case .text(let text): Self.quoted(text)
    case .integer(let number): String(number)
    case .number(let number, let places): number.isFinite ? Quantity.decimal(number, places) : "null"
    case .object(let fields): "{" + fields.map { Self.quoted($0.0) + ":" + $0.1.text }.joined(separator: ",") + "}"
    case .flag(let flag): String(flag)
    case .null: "null"
    }
  }

  static func == (left: JSON, right: JSON) -> Bool { left.text == right.text }

  private static func quoted(_ text: String) -> String {
    let escaped = text.unicodeScalars.map { scalar in
      switch scalar {
      case "\"": "\\\""
      case "\\": "\\\\"
      case "\u{0}"..<" ", "\u{7f}"..."\u{9f}": "\\u" + String(0x10000 + scalar.value, radix: 16).dropFirst()
      default: String(scalar)
      }
    }
    return "\"" + escaped.joined() + "\""
  }
}
