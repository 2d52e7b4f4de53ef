/// The name of a journal field: `[A-Z][A-Z0-9_]*`, at most 64 bytes. journald drops a field with any other name without a word.
public struct JournalFieldName: Hashable, Sendable, CustomStringConvertible {
  /// The name.
  public let text: String

  /// `nil` if journald would not take `text`. A leading underscore is journald's own: clients may not use it.
  public init?(_ text: String) {
    guard let first = text.utf8.first, Self.isUpper(first), text.utf8.count <= Self.maximumBytes,
      text.utf8.allSatisfy({ Self.isUpper($0) || Self.isDigit($0) || $0 == UInt8(ascii: "_") })
    else { return nil }
    self.text = text
  }

  /// The field of a swift-log metadata key. A key that is a journal name (`MESSAGE_ID`) stays; any other is turned from camel
  /// case to upper snake case and marked as ours: `connID` becomes `ZINX_CONN_ID`. Ours, too, become keys that would overwrite
  /// what every entry has (`MESSAGE`, `PRIORITY`). What a name cannot hold becomes an underscore, and what is too long is cut.
  public init(metadataKey key: String) {
    if let name = Self(key), !Self.everyEntry.contains(name) {
      self = name
      return
    }
    let snake = Self.upperSnake(key)
    let marked = snake.starts(with: Self.prefix) ? snake : Self.prefix + snake
    text = String(decoding: marked.prefix(Self.maximumBytes), as: UTF8.self)
  }

  private init(known text: String) { self.text = text }

  public var description: String { text }

  static let message = Self(known: "MESSAGE")
  static let priority = Self(known: "PRIORITY")
  static let identifier = Self(known: "SYSLOG_IDENTIFIER")
  static let codeFile = Self(known: "CODE_FILE")
  static let codeLine = Self(known: "CODE_LINE")
  static let codeFunction = Self(known: "CODE_FUNC")
  static let logger = Self(known: "ZINX_LOGGER")

  private static let everyEntry: Set<Self> = [message, priority, identifier, codeFile, codeLine, codeFunction, logger]
  private static let maximumBytes = 64
  private static let prefix = Array("ZINX_".utf8)

  private static func isUpper(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }
  private static func isLower(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  /// A word begins at a capital after a small letter or digit (`msg|ID`), and at the last capital of several before a small
  /// letter (`TCP|Port`).
  private static func upperSnake(_ key: String) -> [UInt8] {
    let bytes = Array(key.utf8)
    var snake: [UInt8] = []
    for (index, byte) in bytes.enumerated() {
      let before = index > 0 ? bytes[index - 1] : 0
      let after = index + 1 < bytes.count ? bytes[index + 1] : 0
      if isUpper(byte), isLower(before) || isDigit(before) || (isUpper(before) && isLower(after)) {
        snake.append(UInt8(ascii: "_"))
      }
      if isLower(byte) {
        snake.append(byte - 32)
      } else {
        snake.append(isUpper(byte) || isDigit(byte) ? byte : UInt8(ascii: "_"))
      }
    }
    return snake
  }
}
