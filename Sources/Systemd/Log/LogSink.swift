/// Where log entries end: the journal, a terminal, a test.
public protocol LogSink: Sendable {
  /// Writes one entry. Called by one thread, the log's writer, which it may hold up for as long as it takes.
  func write(_ entry: LogEntry)
}
