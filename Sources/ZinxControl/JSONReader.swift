/// Why a line is no JSON.
package struct JSONFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// In bytes, from 0.
  package var position: Int
  package var reason: String

  package var description: String { "\(reason) at byte \(position + 1)" }
}

extension JSON {
  /// Objects and arrays within each other; bounds the recursion.
  package static let maximumDepth = 16

  /// Reads one value, and nothing behind it. Strict, and total: it has an answer for any bytes. Of a key that is there twice the first counts.
  ///
  /// - Parameter hasTwins: Whether it may be there twice. In what is asked for it may not: of two readers one could take the first for what
  ///   is meant, and the other the last.
  package init(parsing bytes: some Collection<UInt8>, hasTwins: Bool = true) throws(JSONFault) {
    var reader = JSONReader(Array(bytes), hasTwins: hasTwins)
    self = try reader.document()
  }
}

private struct JSONReader {
  private let bytes: [UInt8]
  private let hasTwins: Bool
  private var index = 0
  private var depth = 0

  init(_ bytes: [UInt8], hasTwins: Bool) { (self.bytes, self.hasTwins) = (bytes, hasTwins) }

  private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  private func fault(_ reason: String) -> JSONFault { JSONFault(position: index, reason: reason) }

  mutating func document() throws(JSONFault) -> JSON {
    let value = try value()
    skipSpace()
    guard next == nil else { throw fault("more than one value") }
    return value
  }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { index += 1 }
  }

  /// Skips the byte, behind blanks, and says whether it was there.
  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard next == UInt8(ascii: character) else { return false }
    index += 1
    return true
  }

  private mutating func word(_ text: StaticString, _ value: JSON) throws(JSONFault) -> JSON {
    guard bytes[index...].starts(with: text.description.utf8) else { throw fault("a value expected") }
    index += text.utf8CodeUnitCount
    return value
  }

  private mutating func value() throws(JSONFault) -> JSON {
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return try nested { reader throws(JSONFault) in .object(try reader.members()) }
    case UInt8(ascii: "["): return try nested { reader throws(JSONFault) in .array(try reader.elements()) }
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", true)
    case UInt8(ascii: "f"): return try word("false", false)
    case UInt8(ascii: "n"): return try word("null", nil)
    default: return try number()
    }
  }

  private mutating func nested(_ body: (inout JSONReader) throws(JSONFault) -> JSON) throws(JSONFault) -> JSON {
    guard depth < JSON.maximumDepth else { throw fault("nested too deep") }
    depth += 1
    defer { depth -= 1 }
    index += 1
    return try body(&self)
  }

  private mutating func elements() throws(JSONFault) -> [JSON] {
    var elements: [JSON] = []
    if skip("]") { return [] }
    repeat { elements.append(try value()) } while skip(",")
    guard skip("]") else { throw fault("\",\" or \"]\" expected") }
    return elements
  }

  private mutating func members() throws(JSONFault) -> [JSON.Member] {
    var members: [JSON.Member] = []
    var keys: Set<String> = []
    if skip("}") { return [] }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw fault("a key in double quotes expected") }
      let start = index
      let key = try string()
      guard hasTwins || keys.insert(key).inserted else { throw JSONFault(position: start, reason: "a key that is there twice") }
      guard skip(":") else { throw fault("\":\" expected") }
      members.append(JSON.Member(key, try value()))
    } while skip(",")
    guard skip("}") else { throw fault("\",\" or \"}\" expected") }
    return members
  }

  // MARK: Numbers

  private mutating func number() throws(JSONFault) -> JSON {
    let start = index
    if next == UInt8(ascii: "-") { index += 1 }
    let isZero = next == UInt8(ascii: "0")
    let digits = skipDigits()
    guard digits > 0, !isZero || digits == 1 else { throw fault("a value expected") }
    var isWhole = true
    if next == UInt8(ascii: ".") {
      index += 1
      isWhole = false
      guard skipDigits() > 0 else { throw fault("a digit expected") }
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      index += 1
      isWhole = false
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { index += 1 }
      guard skipDigits() > 0 else { throw fault("a digit expected") }
    }
    let text = String(decoding: bytes[start..<index], as: UTF8.self)
    if isWhole, let value = Int64(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else { throw fault("the number is out of range") }
    return .number(value)
  }

  private mutating func skipDigits() -> Int {
    let start = index
    while let byte = next, (0x30...0x39).contains(byte) { index += 1 }
    return index - start
  }

  // MARK: Strings

  private mutating func string() throws(JSONFault) -> String {
    index += 1
    var content: [UInt8] = []
    while let byte = next {
      index += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: content, as: UTF8.self) else { throw fault("a string that is not UTF-8") }
        return text
      case UInt8(ascii: "\\"): content += String(try escaped()).utf8
      case 0..<0x20: throw fault("a control character in a string")
      default: content.append(byte)
      }
    }
    throw fault("a string without its end")
  }

  private mutating func escaped() throws(JSONFault) -> Character {
    guard let byte = next else { throw fault("a string without its end") }
    index += 1
    switch byte {
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Character(Unicode.Scalar(byte))
    case UInt8(ascii: "u"): return try unicode()
    default: throw fault("an unknown escape in a string")
    }
  }

  /// Behind `\u`: four digits, or the two times four of a surrogate pair.
  private mutating func unicode() throws(JSONFault) -> Character {
    var units = [try unit()]
    if UTF16.isLeadSurrogate(units[0]), bytes[index...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) {
      index += 2
      units.append(try unit())
    }
    guard let text = String(validating: units, as: UTF16.self), let scalar = text.unicodeScalars.first else {
      throw fault("half of a surrogate pair in a string")
    }
    return Character(scalar)
  }

  private mutating func unit() throws(JSONFault) -> UInt16 {
    let digits = bytes[index...].prefix(4)
    guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw fault("four hexadecimal digits expected") }
    index += 4
    return unit
  }
}
