import CLinux
import Glibc
import ZinxIO

/// Whether the limits of a process leave memory for its threads: most of what they take is stacks, address space that is hardly ever used
/// as memory. Without it the Swift runtime waits without end for a thread, or ends the process at an allocation.
enum MemoryLimit {
  /// A limit, and the place in /proc/self/statm of what counts against it.
  private static let limits = [("RLIMIT_AS", RLIMIT_AS, 0), ("RLIMIT_DATA", RLIMIT_DATA, 5)]
  /// Buffers, the log, and a few connections.
  static let working: UInt64 = 64 << 20
  /// What malloc(3) takes of the address space for an arena, and gives half of back.
  static let arena: UInt64 = 128 << 20

  /// Throws: ``ZinxError/limitTooLow(name:limit:needed:)``.
  static func check(threads: Int) throws(ZinxError) {
    for (name, resource, field) in limits {
      var limit = rlimit()
      guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0, limit.rlim_cur < .max else { continue }
      let needed = used(field) + UInt64(threads) * stack + working + arena
      guard limit.rlim_cur >= needed else { throw .limitTooLow(name: name, limit: UInt64(limit.rlim_cur), needed: needed) }
      // Each arena is a piece of address space; threads can share them.
      mallopt(M_ARENA_MAX, Int32(clamping: arenas(limit: UInt64(limit.rlim_cur), needed: needed)))
    }
  }

  /// Arenas that there is room for: one is in what is needed, and more than malloc(3) would make by itself are never allowed.
  static func arenas(limit: UInt64, needed: UInt64) -> Int {
    min(1 + Int(clamping: (limit - needed) / arena), 8 * LoopGroup.usableCPUs)
  }

  /// Bytes of a thread's stack with its guard.
  private static var stack: UInt64 {
    var attributes = pthread_attr_t()
    var (size, guardSize) = (8 << 20, 4096)
    guard pthread_attr_init(&attributes) == 0 else { return UInt64(size + guardSize) }
    pthread_attr_getstacksize(&attributes, &size)
    pthread_attr_getguardsize(&attributes, &guardSize)
    pthread_attr_destroy(&attributes)
    return UInt64(size + guardSize)
  }

  /// Bytes that a field of proc_pid_statm(5) counts; 0 where there is no /proc.
  private static func used(_ field: Int) -> UInt64 {
    guard let file = try? Descriptor(open("/proc/self/statm", O_RDONLY | O_CLOEXEC), from: "open") else { return 0 }
    var line = [UInt8](repeating: 0, count: 256)
    let count = read(file.number, &line, line.count)
    let fields = String(decoding: line.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
    return fields.count > field ? (UInt64(fields[field]) ?? 0) * UInt64(sysconf(Int32(_SC_PAGESIZE))) : 0
  }
}
