/// Where browsers put what tells who somebody is: they cannot set headers of a WebSocket, other than cookies.
extension WebSocketRequest {
  /// The value of a part of the query by its name, `42` of `?room=1&token=42`, with `%20` and `+` decoded; of several the first. Nil where it
  /// is missing, or no text.
  public func parameter(_ name: String) -> String? {
    for part in (query ?? "").utf8.split(separator: UInt8(ascii: "&")) {
      let parts = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard Self.decoded(parts[0]) == name else { continue }
      return parts.count > 1 ? Self.decoded(parts[1]) : ""
    }
    return nil
  }

  /// The value of a cookie by its name, as it was sent; of several the first. Nil where it is missing.
  public func cookie(_ name: String) -> String? {
    for header in headers where header.name.lowercased() == "cookie" {
      for part in header.value.utf8.split(separator: UInt8(ascii: ";")) {
        let parts = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, Self.trimmed(Substring(parts[0])) == name else { continue }
        return Self.trimmed(Substring(parts[1]))
      }
    }
    return nil
  }

  private static func decoded(_ bytes: Substring.UTF8View.SubSequence) -> String? {
    var decoded: [UInt8] = []
    var rest = bytes
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "+"): decoded.append(UInt8(ascii: " "))
      case UInt8(ascii: "%"):
        guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else { return nil }
        decoded.append(high << 4 | low)
      default: decoded.append(byte)
      }
    }
    return String(validating: decoded, as: UTF8.self)
  }

  private static func digit(_ byte: UInt8) -> UInt8? { Character(UnicodeScalar(byte)).hexDigitValue.map(UInt8.init) }
}
