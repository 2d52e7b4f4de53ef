import Glibc
import ZinxIO

/// How many connections the process has descriptors for.
enum DescriptorLimit {
  /// What the process has open at most beside event loops and connections: 3 standard streams; 7 of the runtime, for timers and signals;
  /// 3 for log and service manager, 3 for a reload, a listener, one to accept and close whom there is no place for; and some to spare.
  static let ofProcess = 20
  /// epoll(7) and eventfd(2).
  static let ofLoop = 2

  /// Finds out whether there is room for one connection.
  ///
  /// Throws: ``ZinxError/limitTooLow(name:limit:needed:)``.
  static func check(_ configuration: ServerConfiguration) throws(ZinxError) {
    let needed = UInt64(reserved(configuration) + 1)
    guard let limit = raised(), limit < needed else { return }
    throw .limitTooLow(name: "RLIMIT_NOFILE", limit: limit, needed: needed)
  }

  /// Raises the soft limit to the hard one, and returns how many of `maxConn` connections fit under it, at least 1.
  static func makeRoom(for configuration: ServerConfiguration) -> Int {
    guard let limit = raised() else { return configuration.maxConn }
    return connections(wanted: configuration.maxConn, reserved: reserved(configuration), limit: limit)
  }

  /// Descriptors that are not connections: those of the server itself, and those that the configuration keeps, for plugins too.
  static func reserved(_ configuration: ServerConfiguration) -> Int {
    let more = configuration.allEndpoints.count - 1
    return max(configuration.reservedDescriptors, ofProcess + more + ofLoop * LoopGroup.size(configuration.ioThreads))
  }

  static func connections(wanted: Int, reserved: Int, limit: UInt64) -> Int {
    max(1, min(wanted, Int(clamping: limit) - reserved))
  }

  /// The soft limit, once it is as high as it may be; nil if it cannot be known.
  private static func raised() -> UInt64? {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(resource, &limit) == 0 else { return nil }
    if limit.rlim_cur < limit.rlim_max {
      limit.rlim_cur = limit.rlim_max
      // Not allowed to: what the soft limit gives is then what there is.
      if setrlimit(resource, &limit) != 0 { getrlimit(resource, &limit) }
    }
    return UInt64(limit.rlim_cur)
  }
}
