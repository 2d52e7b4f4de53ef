import COpenSSL
import Glibc

/// A moment as `2026-11-26 03:50:00 UTC`; by hand, since Foundation is not linked.
func utcText(_ time: Int64) -> String {
  var (seconds, parts) = (time_t(time), tm())
  guard gmtime_r(&seconds, &parts) != nil else { return "\(time) s of Unix time" }
  func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
  let date = "\(Int(parts.tm_year) + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
  return "\(date) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) UTC"
}
