import Glibc

/// The time of day of this machine.
enum WallClock {
  /// `14:03:07.123456`, of seconds of Unix time.
  static func text(_ seconds: Double) -> String {
    var time = time_t(seconds.rounded(.down))
    var parts = tm()
    localtime_r(&time, &parts)
    let micros = min(999_999, Int(((seconds - seconds.rounded(.down)) * 1e6).rounded()))
    return "\(padded(Int(parts.tm_hour), 2)):\(padded(Int(parts.tm_min), 2)):\(padded(Int(parts.tm_sec), 2)).\(padded(micros, 6))"
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
