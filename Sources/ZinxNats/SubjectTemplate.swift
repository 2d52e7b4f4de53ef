/// The subject of a route, in which `{id}` stands for the id of the message.
struct SubjectTemplate: Sendable, Equatable {
  /// What stands between one `{id}` and the next.
  private let parts: [String]

  /// Nil for what is no subject that something can be published to: it has 1 to 200 bytes and no blank, control character, wildcard or empty
  /// token.
  init?(_ text: String) {
    guard (1...200).contains(text.utf8.count) else { return nil }
    var parts = [""]
    var rest = Substring(text)
    while let place = rest.firstRange(of: "{id}") {
      parts[parts.count - 1] += rest[..<place.lowerBound]
      parts.append("")
      rest = rest[place.upperBound...]
    }
    parts[parts.count - 1] += rest
    self.parts = parts
    let tokens = subject(0).utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard tokens.allSatisfy({ !$0.isEmpty && $0.allSatisfy(Self.isAllowed) }) else { return nil }
  }

  /// For a subject of ours, which is one.
  init(literal: String) { parts = [literal] }

  func subject(_ id: UInt32) -> String { parts.count == 1 ? parts[0] : parts.joined(separator: "\(id)") }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte != 0x7F && byte != UInt8(ascii: "*") && byte != UInt8(ascii: ">") && byte != UInt8(ascii: "{")
      && byte != UInt8(ascii: "}")
  }
}
