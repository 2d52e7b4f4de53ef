import CNats

/// The headers of a message, which libnats takes as one.
///
/// To set a header costs libnats more than all the rest of a small message: a table, copies, a look at each byte. What it is told as the name
/// of a header it writes as it stands, so of all lines only the last has a value of its own, and those before are a part of its name. Names
/// are ours, and no value has a line break here, as libnats would see to otherwise.
struct HeaderLines: Sendable, Equatable {
  /// `Zinx-Node: n1`, line break, `Zinx-Conn-Id: 7`, line break, `Zinx-Msg-Id`: all but the last value.
  private(set) var name = ""
  /// That of the last.
  private(set) var value = ""

  init(_ headers: [(key: StaticString, value: String)] = []) { for header in headers { add(header.key, header.value) } }

  /// The same lines with another last value, which has no line break.
  init(_ lines: Self, last value: String) { (name, self.value) = (lines.name, value) }

  var isEmpty: Bool { name.isEmpty }

  mutating func add(_ key: StaticString, _ value: String) {
    if !isEmpty { name += ": \(self.value)\r\n" }
    key.withUTF8Buffer { name += String(decoding: $0, as: UTF8.self) }
    self.value = Self.line(value)
  }

  /// Without what could end a line, or a string of C.
  private static func line(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return text }
    return String(decoding: text.utf8.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 }, as: UTF8.self)
  }

  /// Sets them in a message that has none.
  func set(in message: OpaquePointer) -> natsStatus { isEmpty ? NATS_OK : natsMsgHeader_Set(message, name, value) }
}
