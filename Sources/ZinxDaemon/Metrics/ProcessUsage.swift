import CLinux
import Glibc
import ZinxIO

/// What the process takes of the machine.
struct ProcessUsage: Sendable, Equatable {
  /// Nil where the system does not tell.
  var residentBytes: Int?
  var processorTime = Duration.zero

  static var now: ProcessUsage {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return ProcessUsage(
      residentBytes: read("/proc/self/statm").flatMap(residentBytes),
      processorTime: .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec))
  }

  /// - Parameter statm: the text of `/proc/self/statm` (proc(5)): sizes in pages, of which the second is what is in memory.
  static func residentBytes(statm: String) -> Int? {
    let fields = statm.split(separator: " ")
    return fields.count > 1 ? Int(fields[1]).map { $0 * Int(sysconf(Int32(_SC_PAGESIZE))) } : nil
  }

  private static func read(_ path: String) -> String? {
    let number = open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { return nil }
    let file = Descriptor(owning: number)
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = buffer.withUnsafeMutableBytes { Glibc.read(file.number, $0.baseAddress, $0.count) }
    return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
  }
}
