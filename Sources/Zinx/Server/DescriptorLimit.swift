import Glibc
import ZinxIO

/// How many connections the process has descriptors for.
enum DescriptorLimit {
  /// Raises the soft limit to the hard one, and returns how many of `wanted` connections fit under it.
  ///
  /// - Parameter reserved: descriptors that are not connections: standard streams, event loops, listeners, logs, what plugins open, and
  ///   some to accept and close those who are refused.
  static func makeRoom(for wanted: Int, reserved: Int) -> Int {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(resource, &limit) == 0 else { return wanted }
    if limit.rlim_cur < limit.rlim_max {
      limit.rlim_cur = limit.rlim_max
      // Not allowed to: what the soft limit gives is then what there is.
      if setrlimit(resource, &limit) != 0 { getrlimit(resource, &limit) }
    }
    return Self.connections(wanted: wanted, reserved: reserved, limit: UInt64(limit.rlim_cur))
  }

  static func connections(wanted: Int, reserved: Int, limit: UInt64) -> Int {
    max(1, min(wanted, Int(clamping: limit) - reserved))
  }
}
