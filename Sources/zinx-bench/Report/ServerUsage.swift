import Glibc
import ZinxIO

/// What a process has used so far: /proc/PID/stat and /proc/PID/status.
struct ServerUsage: Sendable, Equatable {
  /// CPU seconds in the process's own code, and in the kernel on its behalf.
  var user: Double
  var system: Double
  /// Bytes of memory: resident now, and at most so far.
  var resident: Int
  var peak: Int

  var cpu: Double { user + system }

  /// Nil when there is no such process, or not one that may be looked at.
  static func of(pid: Int32) -> ServerUsage? {
    guard let stat = read("/proc/\(pid)/stat"), let status = read("/proc/\(pid)/status") else { return nil }
    return ServerUsage(stat: stat, status: status, ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))))
  }

  /// Nil for anything but what proc(5) describes. A process that is ending has no memory left: 0.
  init?(stat: String, status: String, ticksPerSecond: Double) {
    // The second field is the command in parentheses, in which anything may stand.
    guard let end = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[end...].dropFirst().split(separator: " ")
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
    self.user = user / ticksPerSecond
    self.system = system / ticksPerSecond
    resident = Self.memory("VmRSS:", in: status)
    peak = Self.memory("VmHWM:", in: status)
  }

  init(user: Double, system: Double, resident: Int, peak: Int) {
    (self.user, self.system, self.resident, self.peak) = (user, system, resident, peak)
  }

  private static func memory(_ key: String, in status: String) -> Int {
    for line in status.split(separator: "\n") where line.hasPrefix(key) {
      return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 } ?? 0
    }
    return 0
  }

  private static func read(_ path: String) -> String? {
    guard let file = try? Descriptor(open(path, O_RDONLY | O_CLOEXEC), from: "open") else { return nil }
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = retryingOnInterrupt { Glibc.read(file.number, &bytes, bytes.count) }
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }
}

/// CPU seconds that this process has used.
func ownCPU() -> Double {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

private func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
