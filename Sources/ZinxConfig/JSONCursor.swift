import Zinx

/// A place in a text of JSON, and the tokens that can be read there. Reading never goes past the end.
struct JSONCursor {
  let bytes: [UInt8]
  private var index = 0
  private var line = 1
  private var lineStart = 0
  /// Whether problems may quote the text: it can be a secret.
  var quotes = true

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The byte to be read next; nil at the end.
  var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  var position: SourcePosition { SourcePosition(line: line, column: index - lineStart + 1) }

  func problem(_ message: String) -> ConfigurationProblem { ConfigurationProblem(at: position, message) }

  mutating func skipByte() {
    if index < bytes.count { index += 1 }
  }

  /// Skips the text if it stands here, and says whether it did.
  mutating func skip(_ text: StaticString) -> Bool {
    guard bytes[index...].starts(with: text.description.utf8) else { return false }
    index += text.utf8CodeUnitCount
    return true
  }

  mutating func skipByteOrderMark() {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { (index, lineStart) = (3, 3) }
  }

  mutating func skipWhitespace() {
    while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
      index += 1
      if byte == 0x0A { (line, lineStart) = (line + 1, index) }
    }
  }

  // MARK: Numbers

  /// An integer when it is written as one and fits, a `Double` otherwise.
  mutating func number() throws(ConfigurationProblem) -> ConfigurationValue.Content {
    let start = self
    if next == UInt8(ascii: "-") { index += 1 }
    let leadingZero = next == UInt8(ascii: "0")
    let digits = skipDigits()
    guard digits > 0, !leadingZero || digits == 1 else {
      throw start.malformedNumber("it starts with a digit, and has no leading zero")
    }
    var isInteger = true
    if next == UInt8(ascii: ".") {
      index += 1
      isInteger = false
      guard skipDigits() > 0 else { throw start.malformedNumber("a digit must follow the point") }
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      index += 1
      isInteger = false
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { index += 1 }
      guard skipDigits() > 0 else { throw start.malformedNumber("a digit must follow the exponent") }
    }
    guard start.wordLength == index - start.index else { throw start.malformedNumber("write digits only, and no unit") }
    let text = String(decoding: bytes[start.index..<index], as: UTF8.self)
    if isInteger, let value = Int64(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else {
      throw start.problem("the number \(quotes ? start.word + " " : "")is out of range")
    }
    return .number(value)
  }

  private mutating func skipDigits() -> Int {
    let start = index
    while let byte = next, Self.isDigit(byte) { index += 1 }
    return index - start
  }

  static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private func malformedNumber(_ reason: String) -> ConfigurationProblem { problem("\(word) is not a JSON number; \(reason)") }

  // MARK: Strings

  mutating func string() throws(ConfigurationProblem) -> String {
    let start = self
    var content: [UInt8] = []
    index += 1
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        index += 1
        guard let text = String(validating: content, as: UTF8.self) else { throw start.problem("the string is not valid UTF-8") }
        return text
      case UInt8(ascii: "\\"): content += String(try escapedScalar()).utf8
      case 0x0A, 0x0D: throw start.problem("the string has no closing double quote on its line")
      case 0..<0x20: throw problem("control character in a string; write \(escapeText(byte)) instead")
      default:
        content.append(byte)
        index += 1
      }
    }
    throw start.problem("the string has no closing double quote")
  }

  private static let escapes: [UInt8: Unicode.Scalar] = [
    UInt8(ascii: "\""): "\"", UInt8(ascii: "\\"): "\\", UInt8(ascii: "/"): "/", UInt8(ascii: "b"): "\u{8}",
    UInt8(ascii: "f"): "\u{C}", UInt8(ascii: "n"): "\n", UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t",
  ]

  private mutating func escapedScalar() throws(ConfigurationProblem) -> Unicode.Scalar {
    let start = self
    index += 1
    guard let kind = next else { throw start.problem("the file ends inside a string") }
    if kind == UInt8(ascii: "u") { return try unicodeEscape(start) }
    guard let scalar = Self.escapes[kind] else {
      throw start.problem("unknown escape in a string; a backslash itself is written \"\\\\\"")
    }
    index += 1
    return scalar
  }

  /// Reads `uXXXX`, or the two that make up a surrogate pair.
  private mutating func unicodeEscape(_ start: JSONCursor) throws(ConfigurationProblem) -> Unicode.Scalar {
    var units = [try hexUnit(start)]
    if UTF16.isLeadSurrogate(units[0]), skip("\\") {
      guard next == UInt8(ascii: "u") else { throw start.problem("half of a surrogate pair in a string") }
      units.append(try hexUnit(start))
    }
    guard let text = String(validating: units, as: UTF16.self), let scalar = text.unicodeScalars.first else {
      throw start.problem("half of a surrogate pair in a string")
    }
    return scalar
  }

  private mutating func hexUnit(_ start: JSONCursor) throws(ConfigurationProblem) -> UInt16 {
    let digits = bytes[index...].dropFirst().prefix(4)
    // Checked one by one, because the conversion would also accept a sign.
    guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw start.problem("\"\\u\" in a string must be followed by four hexadecimal digits") }
    index += 5
    return unit
  }

  private func escapeText(_ byte: UInt8) -> String {
    byte == 0x09 ? "\\t" : "\\u00" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }

  // MARK: What stands here, in words

  /// The bytes up to the next separator.
  private var wordLength: Int {
    bytes[index...].prefix { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"), 0x80...:
        true
      default: false
      }
    }.count
  }

  private var word: String {
    quotes ? quotedBriefly(String(decoding: bytes[index...].prefix(wordLength), as: UTF8.self)) : "what stands here"
  }

  /// What was found instead of what was expected.
  var nextDescription: String {
    guard let byte = next else { return "the end of the file" }
    if byte == UInt8(ascii: "\"") {
      var copy = self
      guard quotes else { return "a string" }
      return (try? copy.string()).map(quotedBriefly) ?? "a string"
    }
    if wordLength > 0 { return quotes ? word : "a word" }
    return byte > 0x20 && byte < 0x7F ? quotedJSON(String(Unicode.Scalar(byte))) : "byte 0x" + String(byte, radix: 16)
  }

  /// What people who write this want to be told.
  var advice: String? {
    switch next {
    case UInt8(ascii: "/"), UInt8(ascii: "#"): "JSON has no comments"
    case UInt8(ascii: "'"): "strings are written in double quotes"
    case 0: "is the file UTF-16? it must be UTF-8"
    default: wordAdvice
    }
  }

  private var wordAdvice: String? {
    let text = String(decoding: bytes[index...].prefix(min(wordLength, 6)), as: UTF8.self)
    guard let first = text.unicodeScalars.first, first.properties.isAlphabetic else { return nil }
    let word = asciiLowercased(text)
    return ["true", "false", "null"].contains(word) ? "write \(word) in lower case" : "strings are written in double quotes"
  }
}
