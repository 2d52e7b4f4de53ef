import Logging

/// How much may wait to be written.
public struct LogLimits: Sendable, Equatable {
  /// A second or so of the most a daemon should log.
  public var entries = 4096
  /// What that many long entries would take is too much.
  public var bytes = 4 << 20

  public init() {}

  public init(entries: Int, bytes: Int) {
    self.entries = entries
    self.bytes = bytes
  }
}

/// The entries between loggers and the writer, bounded: what finds no room is counted and reported later. A value without a lock.
///
/// An entry counts until it is written, so that a writer which took a thousand and is stuck in the first still holds a thousand.
struct LogBuffer {
  let limits: LogLimits
  private var waiting: [LogEntry] = []
  private var heldEntries = 0
  private var heldBytes = 0
  private var dropped = 0
  /// Entries that were dropped since the start.
  private(set) var droppedInAll: UInt64 = 0
  private var lastDrop = Duration.zero

  /// Numbers of entries since the start; a report is one too. Everything accepted is written once these are equal.
  private(set) var accepted = 0
  private(set) var written = 0

  init(limits: LogLimits) { self.limits = limits }

  var hasWork: Bool { !waiting.isEmpty || dropped > 0 }

  /// What ``written`` will be when all that was added up to now is written, the report on drops included.
  var goal: Int { accepted + (dropped > 0 ? 1 : 0) }

  /// Takes `entry`, or counts it as dropped.
  mutating func add(_ entry: LogEntry) {
    let bytes = entry.byteCount
    guard heldEntries < limits.entries, heldBytes <= limits.bytes - bytes else {
      dropped += 1
      droppedInAll += 1
      lastDrop = entry.time
      return
    }
    hold(entry, bytes)
    waiting.append(entry)
  }

  /// Everything that waits, and last a warning with the number of messages dropped since the last time, if any.
  mutating func takeAll() -> [LogEntry] {
    if dropped > 0 {
      let report = Self.report(dropped, at: lastDrop)
      dropped = 0
      hold(report, report.byteCount)
      waiting.append(report)
    }
    defer { waiting = [] }
    return waiting
  }

  /// `entry`, which was taken, is written.
  mutating func finished(_ entry: LogEntry) {
    heldEntries -= 1
    heldBytes -= entry.byteCount
    written += 1
  }

  private mutating func hold(_ entry: LogEntry, _ bytes: Int) {
    heldEntries += 1
    heldBytes += bytes
    accepted += 1
  }

  private static func report(_ count: Int, at time: Duration) -> LogEntry {
    let message = count == 1 ? "1 log message was dropped" : "\(count) log messages were dropped"
    return LogEntry(time: time, level: .warning, label: "zinx.log", message: message)
  }
}
