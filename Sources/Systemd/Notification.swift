/// The text of one datagram to the service manager, after sd_notify(3): `VARIABLE=value` lines.
///
/// Assignments that belong together go in one datagram: `Notification.stopping.with(.status("Draining: 3 connections left"))`.
public struct Notification: Sendable, Equatable {
  /// The longest status in bytes of UTF-8. The manager reads 4096 bytes of a datagram and ignores one that is longer.
  public static let maximumStatusBytes = 1024

  private var lines: [String]

  private init(_ line: String) { lines = [line] }

  /// Every listener accepts; ends a reload too.
  public static let ready = Notification("READY=1")
  /// The drain has begun.
  public static let stopping = Notification("STOPPING=1")
  /// Every event loop answered since the last one.
  public static let watchdog = Notification("WATCHDOG=1")

  /// A reload has begun, at `monotonicMicroseconds` of CLOCK_MONOTONIC. One datagram, or the manager cannot tell which reload it
  /// is.
  public static func reloading(monotonicMicroseconds: UInt64) -> Notification {
    Notification("RELOADING=1").with(Notification("MONOTONIC_USEC=\(monotonicMicroseconds)"))
  }

  /// One line for `systemctl status`. A line break would begin a new assignment and a NUL voids the datagram, so control
  /// characters become spaces; what is longer than ``maximumStatusBytes`` is cut between characters.
  public static func status(_ text: String) -> Notification {
    var line = ""
    var size = 0
    for character in text {
      let shown = character.unicodeScalars.contains { $0.properties.generalCategory == .control } ? " " : character
      size += shown.utf8.count
      if size > maximumStatusBytes { break }
      line.append(shown)
    }
    return Notification("STATUS=\(line)")
  }

  /// Asks the manager to wait `time` more, from now, for the start or stop under way to end. At least a microsecond.
  public static func extendTimeout(_ time: Duration) -> Notification {
    Notification("EXTEND_TIMEOUT_USEC=\(max(1, time.wholeMicroseconds))")
  }

  /// Why the service failed, as an errno(3) number.
  public static func errno(_ code: Int32) -> Notification { Notification("ERRNO=\(code)") }

  /// Both in one datagram.
  public func with(_ other: Notification) -> Notification {
    var both = self
    both.lines += other.lines
    return both
  }

  /// What is sent.
  public var text: String { lines.joined(separator: "\n") }

  /// A status alone is outdated by the next one; anything else must reach the manager, or it acts wrongly.
  var mustArrive: Bool { !lines.allSatisfy { $0.hasPrefix("STATUS=") } }
}

extension Duration {
  /// Microseconds, rounded down; the nearest bound of Int64 for what it cannot hold.
  var wholeMicroseconds: Int64 {
    let (seconds, attoseconds) = components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
    let (sum, overflowed) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000_000)
    return overflow || overflowed ? (seconds < 0 ? .min : .max) : sum
  }
}
