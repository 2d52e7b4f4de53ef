import Glibc
import Logging

/// Log entries as lines for people: `12:34:56.789 INFO   connection added connID=2 peer=192.0.2.1:4711`.
public struct LogText: Sendable, Equatable {
  /// What a line begins with.
  public enum Lead: Sendable, Equatable {
    /// The time of day, for somebody who is watching.
    case timeOfDay
    /// Date and time, for a file or pipe that is read later.
    case date
    /// `<6>`, which journald takes from a stream for the priority; it adds the time itself.
    case priority
  }

  public var lead: Lead
  /// Whether to colour with ANSI escape sequences.
  public var colour: Bool

  public init(lead: Lead, colour: Bool = false) {
    self.lead = lead
    self.colour = colour
  }

  /// Whether to colour what goes to a stream: to a terminal that can, unless its user asks for none (no-color.org).
  public static func wantsColour(isTerminal: Bool, noColor: String?, term: String?) -> Bool {
    isTerminal && (noColor ?? "").isEmpty && term != "dumb"
  }

  /// The line, with its end. `utcOffset` is the local time's, in seconds east of Greenwich.
  public func line(_ entry: LogEntry, utcOffset: Int = 0) -> String {
    let text = Self.messageAndFields(of: entry)
    switch lead {
    case .priority: return "<\(entry.level.syslogPriority)>\(text)\n"
    case .timeOfDay: return "\(LogTime(entry.time, utcOffset: utcOffset).timeOfDay) \(word(for: entry.level)) \(text)\n"
    case .date: return "\(LogTime(entry.time, utcOffset: utcOffset).date) \(word(for: entry.level)) \(text)\n"
    }
  }

  /// The message and its metadata. What a peer sent can be in either, so nothing in them can begin a line that looks like another
  /// message or reach the terminal as a command. `MESSAGE_ID` is for machines and left out.
  static func messageAndFields(of entry: LogEntry) -> String {
    var text = LogEscape.message(entry.message)
    for field in entry.fields where field.key != "MESSAGE_ID" {
      text += " \(LogEscape.key(field.key))=\(LogEscape.value(field.value))"
    }
    return text
  }

  private func word(for level: Logger.Level) -> String {
    let (word, code) =
      switch level {
      case .trace: ("TRACE ", "2")
      case .debug: ("DEBUG ", "2")
      case .info: ("INFO  ", "32")
      case .notice: ("NOTICE", "36")
      case .warning: ("WARN  ", "33")
      case .error: ("ERROR ", "31")
      case .critical: ("CRIT  ", "1;31")
      }
    return colour ? "\u{1b}[\(code)m\(word)\u{1b}[0m" : word
  }
}

/// A point in time, split into the fields of a calendar.
struct LogTime {
  private var fields = tm()
  private let milliseconds: Int
  private let utcOffset: Int

  init(_ sinceEpoch: Duration, utcOffset: Int) {
    var seconds = time_t(sinceEpoch.components.seconds) + utcOffset
    gmtime_r(&seconds, &fields)
    milliseconds = Int(sinceEpoch.components.attoseconds / 1_000_000_000_000_000)
    self.utcOffset = utcOffset
  }

  /// `12:34:56.789`
  var timeOfDay: String {
    "\(digits(fields.tm_hour)):\(digits(fields.tm_min)):\(digits(fields.tm_sec)).\(digits(milliseconds, 3))"
  }

  /// `2026-01-31T12:34:56.789+01:00`, after RFC 3339.
  var date: String {
    "\(fields.tm_year + 1900)-\(digits(fields.tm_mon + 1))-\(digits(fields.tm_mday))T\(timeOfDay)\(zone)"
  }

  private var zone: String {
    if utcOffset == 0 { return "Z" }
    let minutes = abs(utcOffset) / 60
    return "\(utcOffset < 0 ? "-" : "+")\(digits(minutes / 60)):\(digits(minutes % 60))"
  }

  private func digits(_ number: some BinaryInteger, _ width: Int = 2) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }
}
