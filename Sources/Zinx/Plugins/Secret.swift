/// What nobody may read in a log: it has no text but the one that is asked for by name.
public struct Secret: Sendable, Hashable {
  /// The secret itself. Whoever takes it keeps it out of logs and errors.
  public let bytes: [UInt8]

  /// - Parameter text: a secret of a test or of code; one of an operator comes by ``SettingKind/secret``.
  public init(_ text: String) { bytes = Array(text.utf8) }

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// The secret as text; bytes that are no UTF-8 are replaced.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Whether somebody knows the secret. Takes as long whatever of it they know; how long it is they may learn.
  public func matches(_ attempt: some Collection<UInt8>) -> Bool {
    guard attempt.count == bytes.count else { return false }
    return zip(attempt, bytes).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "a secret" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: []) }
}
