import Logging

/// One journal entry in journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), ready to be sent.
public struct JournalEntry: Sendable, Equatable {
  /// The datagram.
  public private(set) var bytes: [UInt8] = []

  /// An entry without fields.
  public init() {}

  /// Everything `entry` holds. `identifier` is what `journalctl -t` finds and each line shows (`SYSLOG_IDENTIFIER`).
  ///
  /// MESSAGE repeats the metadata, as a line on a terminal does: `journalctl -u` shows MESSAGE and nothing else, and a line about
  /// a connection that does not say which is of no use there.
  public init(_ entry: LogEntry, identifier: String) {
    bytes.reserveCapacity(entry.byteCount * 2)
    append(.message, LogText.messageAndFields(of: entry))
    append(.priority, String(entry.level.syslogPriority))
    append(.identifier, identifier)
    append(.logger, entry.label)
    append(.codeFile, entry.file)
    append(.codeLine, String(entry.line))
    append(.codeFunction, entry.function)
    for field in entry.fields { append(JournalFieldName(metadataKey: field.key), field.value) }
  }

  /// Adds a field. A value with a line break goes with its length before it, so that nothing in it can pass for another field.
  public mutating func append(_ name: JournalFieldName, _ value: String) {
    bytes += name.text.utf8
    if value.utf8.contains(UInt8(ascii: "\n")) {
      bytes.append(UInt8(ascii: "\n"))
      let count = UInt64(value.utf8.count)
      for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: count >> shift)) }
    } else {
      bytes.append(UInt8(ascii: "="))
    }
    bytes += value.utf8
    bytes.append(UInt8(ascii: "\n"))
  }
}

extension Logger.Level {
  /// The priority of syslog(3) that journald, `journalctl -p` and `LogLevelMax=` go by.
  public var syslogPriority: Int {
    switch self {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}
