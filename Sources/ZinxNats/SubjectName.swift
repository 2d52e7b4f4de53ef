/// A name, such as a user's or a group's, as one token of a subject: bytes other than ASCII letters, digits, `_` and `-` are written `%XX`
/// (RFC 3986, section 2.1).
///
/// Dots, stars, `>` and spaces mean something in a subject, so a name that had them as they are would be another's subject, or many. What
/// is encoded has one form, so two names never share a token.
public enum SubjectName {
  private static let digits = Array("0123456789ABCDEF".utf8)

  /// The token of a name. It is empty for the empty name alone, which no subject can have.
  public static func encode(_ name: String) -> String {
    guard !name.utf8.allSatisfy(isPlain) else { return name }
    var token: [UInt8] = []
    token.reserveCapacity(name.utf8.count + 16)
    for byte in name.utf8 {
      if isPlain(byte) {
        token.append(byte)
      } else {
        token += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: token, as: UTF8.self)
  }

  /// The name of a token; nil for one that ``encode(_:)`` does not make: empty, with other bytes, or with a plain byte that is encoded.
  public static func decode(_ token: some StringProtocol) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(token.utf8)[...]
    while let byte = rest.popFirst() {
      if isPlain(byte) {
        bytes.append(byte)
      } else {
        guard byte == UInt8(ascii: "%"), let high = rest.popFirst().flatMap(value), let low = rest.popFirst().flatMap(value),
          !isPlain(high << 4 | low)
        else { return nil }
        bytes.append(high << 4 | low)
      }
    }
    guard !bytes.isEmpty else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    digits.firstIndex(of: digit).map { UInt8(truncatingIfNeeded: $0) }
  }
}
