/// Where something stands in a configuration file; both count from 1, columns in bytes.
public struct SourcePosition: Sendable, Hashable {
  public var line: Int
  public var column: Int

  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }
}

/// A value of a configuration file with its position, so that whoever refuses it can say where it stands.
public struct ConfigurationValue: Sendable, Equatable {
  public enum Content: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([ConfigurationValue])
    /// In the order of the file; no two keys are equal, also not by case.
    case object([ConfigurationMember])
  }

  public var content: Content
  /// Nil for a value that no file holds.
  public var position: SourcePosition?

  public init(_ content: Content, at position: SourcePosition? = nil) {
    self.content = content
    self.position = position
  }
}

/// One `"key": value` of an object, with the position of the key.
public struct ConfigurationMember: Sendable, Equatable {
  public var key: String
  public var position: SourcePosition?
  public var value: ConfigurationValue

  public init(key: String, at position: SourcePosition? = nil, value: ConfigurationValue) {
    self.key = key
    self.position = position
    self.value = value
  }
}

/// Something wrong with a configuration, in words for the operator.
public struct ConfigurationProblem: Error, Sendable, Equatable {
  /// Nil where no line of the file is to blame.
  public var position: SourcePosition?
  /// One sentence: key, value found, what is allowed. Names no file and no position.
  public var message: String

  public init(at position: SourcePosition?, _ message: String) {
    self.position = position
    self.message = message
  }
}
