import Logging

/// A log message with all its values turned to text, on its way to a ``LogSink``.
public struct LogEntry: Sendable, Equatable {
  /// A piece of metadata. Dictionaries and arrays are in the form swift-log prints them.
  public struct Field: Sendable, Equatable {
    public var key: String
    public var value: String

    public init(_ key: String, _ value: String) {
      self.key = key
      self.value = value
    }
  }

  /// When it was logged: the time since 1970-01-01 00:00 UTC.
  public var time: Duration
  public var level: Logger.Level
  /// The label of the logger.
  public var label: String
  public var message: String
  /// Sorted by key: a dictionary's order changes from run to run.
  public var fields: [Field]
  public var file: String
  public var function: String
  public var line: UInt

  /// An entry; `fields` is sorted here.
  public init(
    time: Duration, level: Logger.Level, label: String, message: String, fields: [Field] = [], file: String = #fileID,
    function: String = #function, line: UInt = #line
  ) {
    self.time = time
    self.level = level
    self.label = label
    self.message = message
    self.fields = fields.sorted { $0.key < $1.key }
    self.file = file
    self.function = function
    self.line = line
  }

  /// Roughly the memory it takes.
  public var byteCount: Int {
    let strings = message.utf8.count + label.utf8.count + file.utf8.count + function.utf8.count
    return fields.reduce(strings + MemoryLayout<LogEntry>.size) {
      $0 + $1.key.utf8.count + $1.value.utf8.count + MemoryLayout<Field>.size
    }
  }
}
