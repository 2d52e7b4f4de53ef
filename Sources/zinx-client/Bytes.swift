/// What a message's data looks like to a human or to JSON.
enum Bytes: Equatable {
  case text(String)
  case binary([UInt8])

  /// Text is what is valid UTF-8.
  init(_ bytes: [UInt8]) {
    if let text = String(validating: bytes, as: UTF8.self) { self = .text(text) } else { self = .binary(bytes) }
  }

  /// The bytes that a string of hexadecimal digits stands for, with or without spaces, colons, or a leading `0x`. Nil when it is not
  /// that, or the number of digits is odd.
  static func parse(hex text: String) -> [UInt8]? {
    let digits = (text.hasPrefix("0x") || text.hasPrefix("0X") ? text.dropFirst(2) : text[...]).filter { !" :\n\t".contains($0) }
    guard digits.utf8.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in digits {
      guard character.isASCII, let digit = character.hexDigitValue else { return nil }
      if let first = high { bytes.append(first << 4 | UInt8(digit)) }
      high = high == nil ? UInt8(digit) : nil
    }
    return bytes
  }

  /// Lower-case digits, without anything between them.
  static func hexadecimal(_ bytes: [UInt8]) -> String { bytes.map { hex($0, digits: 2) }.joined() }

  /// Whether a terminal shows all of it and obeys none of it. Line ends and tabs count as printable.
  var isPrintable: Bool {
    guard case .text(let text) = self else { return false }
    return text.unicodeScalars.allSatisfy { $0 == "\n" || $0 == "\t" || !Self.isControl($0) }
  }

  /// On one line, for a log: controls are shown with the escapes that a script takes, and what is not text as hexadecimal digits.
  func oneLine(limit: Int = 1024) -> String {
    switch self {
    case .text(let text):
      let cut = text.unicodeScalars.prefix(limit)
      let shown = zip(cut, cut.dropFirst().map(Optional.some) + [nil]).map(Self.escaped).joined()
      return cut.count < text.unicodeScalars.count ? shown + "…" : shown
    case .binary(let bytes):
      return Self.hexadecimal(Array(bytes.prefix(limit / 2))) + (bytes.count > limit / 2 ? "…" : "")
    }
  }

  /// Sixteen bytes a line: offset, digits, and the printable characters, as hexdump(1) -C.
  static func dump(_ bytes: [UInt8]) -> String {
    stride(from: 0, to: bytes.count, by: 16).map { start in
      let row = bytes[start..<min(start + 16, bytes.count)]
      let digits = row.map { hex($0, digits: 2) }.joined(separator: " ")
      let characters = row.map { (0x20..<0x7f).contains($0) ? String(UnicodeScalar($0)) : "." }.joined()
      return "\(hex(start, digits: 8))  \(digits)\(String(repeating: " ", count: 47 - digits.utf8.count))  |\(characters)|"
    }
    .joined(separator: "\n")
  }

  /// A scalar in front of another as a script has it: what would begin a variable or a place there does not.
  private static func escaped(_ scalar: Unicode.Scalar, before next: Unicode.Scalar?) -> String {
    switch scalar {
    case "$" where next == "{": "\\$"
    case "?" where next == "{": "\\?"
    case "\n": "\\n"
    case "\r": "\\r"
    case "\t": "\\t"
    case "\\": "\\\\"
    case _ where isControl(scalar): String(scalar).utf8.map { "\\x" + hex($0, digits: 2) }.joined()
    default: String(scalar)
    }
  }

  /// Controls, and the marks that turn the writing direction round, with which one text can pass for another.
  static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }
}
