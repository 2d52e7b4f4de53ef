import Zinx

/// What a text of JSON holds. `value` is nil when it has an error of syntax, which is then the last of `problems`; a duplicate key is a
/// problem too, but does not end the reading.
package struct JSONDocument: Sendable, Equatable {
  package var value: ConfigurationValue?
  package var problems: [ConfigurationProblem]
}

/// A strict reader of JSON (RFC 8259) that says where each value stands, and in an operator's words what is wrong.
///
/// Pure, and total: it has an answer for any bytes. Lines end at LF, columns count bytes, both from 1; a byte order mark, which no
/// editor shows, takes no column.
///
/// Keys that begin with `//` or `_` are comments, in every object: they are checked to be JSON, and left out of the value.
package struct JSONParser {
  /// Whose file it is.
  package enum Origin {
    case ours
    /// As Go reads it: of duplicate keys the last counts, which is told as a problem all the same. Comments stay, to be handed on.
    case foreign
  }

  /// Objects and arrays within each other; bounds the recursion. A configuration needs four.
  package static let maximumDepth = 64

  /// From this depth on values may be the settings of plugins, and are not quoted in problems.
  private static let quotedDepth = 2

  private var cursor: JSONCursor
  private let origin: Origin
  private var depth = 0
  private var duplicates: [ConfigurationProblem] = []

  package static func parse(_ bytes: [UInt8], origin: Origin = .ours) -> JSONDocument {
    var parser = JSONParser(cursor: JSONCursor(bytes), origin: origin)
    do throws(ConfigurationProblem) {
      let value = try parser.document()
      return JSONDocument(value: value, problems: parser.duplicates)
    } catch {
      return JSONDocument(value: nil, problems: parser.duplicates + [error])
    }
  }

  private mutating func document() throws(ConfigurationProblem) -> ConfigurationValue {
    if cursor.bytes.starts(with: [0xFE, 0xFF]) || cursor.bytes.starts(with: [0xFF, 0xFE]) {
      throw cursor.problem("the file is UTF-16, but must be UTF-8")
    }
    cursor.skipByteOrderMark()
    cursor.skipWhitespace()
    if cursor.next == nil { throw cursor.problem("the file is empty, but must hold a JSON object") }
    let value = try value()
    cursor.skipWhitespace()
    guard cursor.next == nil else { throw unexpected("the end of the file") }
    return value
  }

  private mutating func value() throws(ConfigurationProblem) -> ConfigurationValue {
    let position = cursor.position
    let content: ConfigurationValue.Content
    switch cursor.next {
    case UInt8(ascii: "{"): content = .object(try nested { parser throws(ConfigurationProblem) in try parser.members() })
    case UInt8(ascii: "["): content = .array(try nested { parser throws(ConfigurationProblem) in try parser.elements() })
    case UInt8(ascii: "\""): content = .string(try cursor.string())
    case let byte? where byte == UInt8(ascii: "-") || JSONCursor.isDigit(byte): content = try cursor.number()
    case UInt8(ascii: "t") where cursor.skip("true"): content = .bool(true)
    case UInt8(ascii: "f") where cursor.skip("false"): content = .bool(false)
    case UInt8(ascii: "n") where cursor.skip("null"): content = .null
    default: throw unexpected("a value")
    }
    return ConfigurationValue(content, at: position)
  }

  private mutating func nested<T>(
    _ body: (inout JSONParser) throws(ConfigurationProblem) -> [T]
  ) throws(ConfigurationProblem) -> [T] {
    // What is foreign may get into an object more.
    let limit = origin == .foreign ? Self.maximumDepth - 1 : Self.maximumDepth
    guard depth < limit else { throw cursor.problem("nested more than \(limit) deep") }
    depth += 1
    cursor.quotes = depth < Self.quotedDepth
    let list = try body(&self)
    depth -= 1
    cursor.quotes = depth < Self.quotedDepth
    return list
  }

  private mutating func elements() throws(ConfigurationProblem) -> [ConfigurationValue] {
    var elements: [ConfigurationValue] = []
    cursor.skipByte()
    cursor.skipWhitespace()
    if cursor.skip("]") { return [] }
    repeat {
      cursor.skipWhitespace()
      elements.append(try value())
    } while try another(until: "]")
    return elements
  }

  private mutating func members() throws(ConfigurationProblem) -> [ConfigurationMember] {
    var members: [ConfigurationMember] = []
    /// Where the key is in `members`.
    var seen: [String: Int] = [:]
    cursor.skipByte()
    cursor.skipWhitespace()
    if cursor.skip("}") { return [] }
    repeat {
      let member = try member()
      if Self.isComment(member.key) {
        if origin == .foreign { members.append(member) }
      } else if let first = seen[asciiLowercased(member.key)] {
        duplicates.append(Self.duplicate(member, of: members[first]))
        if origin == .foreign { members[first] = member }
      } else {
        seen[asciiLowercased(member.key)] = members.count
        members.append(member)
      }
    } while try another(until: "}")
    return members
  }

  /// Whether a key says something to people alone.
  package static func isComment(_ key: String) -> Bool { key.hasPrefix("//") || key.hasPrefix("_") }

  private mutating func member() throws(ConfigurationProblem) -> ConfigurationMember {
    cursor.skipWhitespace()
    let position = cursor.position
    guard cursor.next == UInt8(ascii: "\"") else { throw unexpected("a key in double quotes") }
    let key = try cursor.string()
    cursor.skipWhitespace()
    guard cursor.skip(":") else {
      throw unexpected(cursor.quotes ? "\":\" after the key \(quotedBriefly(key))" : "\":\" after the key")
    }
    cursor.skipWhitespace()
    return ConfigurationMember(key: key, at: position, value: try value())
  }

  /// Whether a comma leads on. A comma right before the end of the list is an error of its own, the commonest one of all.
  private mutating func another(until end: StaticString) throws(ConfigurationProblem) -> Bool {
    cursor.skipWhitespace()
    if cursor.skip(end) { return false }
    let comma = cursor.position
    guard cursor.skip(",") else { throw unexpected("\",\" or \"\(end)\"") }
    cursor.skipWhitespace()
    if cursor.skip(end) { throw ConfigurationProblem(at: comma, "a \",\" before \"\(end)\" is not allowed in JSON; remove it") }
    return true
  }

  private static func duplicate(_ member: ConfigurationMember, of first: ConfigurationMember) -> ConfigurationProblem {
    let place = first.position.map { " at line \($0.line), column \($0.column)" } ?? ""
    let same = member.key == first.key
    return ConfigurationProblem(
      at: member.position,
      "duplicate key \(quotedBriefly(member.key)); the first\(same ? "" : ", \(quotedBriefly(first.key)),") is\(place)"
        + (same ? "" : " (case makes no difference)"))
  }

  private func unexpected(_ wanted: String) -> ConfigurationProblem {
    cursor.problem("expected \(wanted), found \(cursor.nextDescription)\(cursor.advice.map { "; " + $0 } ?? "")")
  }
}
