import Glibc

/// Writes entries as lines of text to an open descriptor, by default standard error.
public struct TerminalSink: LogSink {
  private let descriptor: Int32
  private let text: LogText

  /// Writes to `descriptor`, which stays the caller's.
  public init(descriptor: Int32, text: LogText) {
    self.descriptor = descriptor
    self.text = text
  }

  /// Standard error: short coloured lines for a terminal, dated plain ones for anything else.
  public static func standardError() -> TerminalSink {
    let isTerminal = isatty(STDERR_FILENO) == 1
    let colour = LogText.wantsColour(isTerminal: isTerminal, noColor: variable("NO_COLOR"), term: variable("TERM"))
    return TerminalSink(descriptor: STDERR_FILENO, text: LogText(lead: isTerminal ? .timeOfDay : .date, colour: colour))
  }

  public func write(_ entry: LogEntry) {
    var bytes = Array(text.line(entry, utcOffset: Self.utcOffset(at: entry.time)).utf8)[...]
    while !bytes.isEmpty {
      let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written >= 0 {
        bytes = bytes.dropFirst(written)
      } else if errno == EAGAIN {
        // Another process made the terminal or pipe we share non-blocking.
        wait(for: descriptor, POLLOUT, milliseconds: -1)
      } else if errno != EINTR {
        return
      }
    }
  }

  private static func utcOffset(at time: Duration) -> Int {
    var seconds = time_t(time.components.seconds)
    var fields = tm()
    localtime_r(&seconds, &fields)
    return fields.tm_gmtoff
  }

  private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}

/// Waits for `events` (poll(2)) on `descriptor`, at most so long; -1 is without end. May return early.
func wait(for descriptor: Int32, _ events: Int32, milliseconds: Int32) {
  var entry = pollfd(fd: descriptor, events: Int16(truncatingIfNeeded: events), revents: 0)
  _ = poll(&entry, 1, milliseconds)
}
