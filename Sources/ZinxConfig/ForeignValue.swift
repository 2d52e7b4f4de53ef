import Zinx

/// Values as other files write them.
enum ForeignValue {
  /// What a value that an option may not take can have meant, the likeliest first.
  static func conversions(of value: ConfigurationValue, for option: Option) -> [ConfigurationValue] {
    contents(of: value.content, for: option).map { ConfigurationValue($0, at: value.position) }
  }

  private static func contents(of content: ConfigurationValue.Content, for option: Option) -> [ConfigurationValue.Content] {
    switch content {
    case .string(let text):
      let trimmed = trim(text)
      switch option.name {
      case "Host" where trimmed.isEmpty: return [.string("0.0.0.0")]
      case "LogLevel": return [.string(level(trimmed))]
      case "DataPack": return [.string(pack(trimmed))]
      default: return number(trimmed) + seconds(trimmed, option) + [.string(trimmed), .string(asciiLowercased(trimmed))]
      }
    case .integer(0) where option.name == "MaxPacketSize":
      // In Go no limit; here the largest there is.
      return [.integer(1 << 30)]
    case .integer(let number): return [.string(String(number))]
    case .number(let number):
      return (Int64(exactly: number).map { [.integer($0)] } ?? []) + [.string(String(number))]
    case .array(let elements):
      // One value in brackets.
      return elements.count == 1 ? [elements[0].content] + contents(of: elements[0].content, for: option) : []
    case .null, .bool, .object: return []
    }
  }

  private static func number(_ text: String) -> [ConfigurationValue.Content] {
    if let integer = Int64(text) { return [.integer(integer)] }
    guard let number = Double(text), number.isFinite else { return [] }
    return [.number(number)] + (Int64(exactly: number).map { [.integer($0)] } ?? [])
  }

  /// A time with a unit, as Go writes one: `300s`, `1.5m`.
  private static func seconds(_ text: String, _ option: Option) -> [ConfigurationValue.Content] {
    guard option.type == "seconds" else { return [] }
    for (unit, factor) in [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)] where text.hasSuffix(unit) {
      guard let number = Double(text.dropLast(unit.count)), number.isFinite else { continue }
      let seconds = number * factor
      return [Int64(exactly: seconds).map { .integer($0) } ?? .number(seconds)]
    }
    return []
  }

  private static func pack(_ text: String) -> String {
    switch asciiLowercased(text) {
    case "zinx_pack_tlv_big_endian", "tlv", "tlv_be": "tlv-be"
    case "zinx_pack_ltv_little_endian", "ltv", "ltv_le": "ltv-le"
    case "tlv_le": "tlv-le"
    case let word: word
    }
  }

  private static func level(_ text: String) -> String {
    switch asciiLowercased(text) {
    case "all", "verbose": "trace"
    case "warn": "warning"
    case "err": "error"
    case "panic", "fatal": "critical"
    case let word: word
    }
  }

  /// `LogLevel` for the keys by which Go Zinx leaves out levels; nil for other keys, and for what they cannot be.
  static func logLevel(_ key: String, _ value: ConfigurationValue) -> ConfigurationValue? {
    // What is left out: nothing, debug, info, warnings, errors.
    let levels = ["debug", "info", "warning", "error", "critical"]
    switch (key, value.content) {
    case ("LogIsolationLevel", .integer(let level)) where level >= 0:
      return ConfigurationValue(.string(levels[min(Int(clamping: level), levels.count - 1)]))
    case ("LogDebugClose", .bool(let isClosed)): return ConfigurationValue(.string(isClosed ? "info" : "debug"))
    default: return nil
    }
  }

  private static func trim(_ text: String) -> String {
    let isSpace = { (character: Character) in character.isWhitespace }
    return String(text.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
  }
}
