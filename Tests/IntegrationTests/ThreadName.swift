import Glibc

/// The name of the calling thread.
func threadName() -> String {
  let file = open("/proc/thread-self/comm", O_RDONLY | O_CLOEXEC)
  defer { close(file) }
  let name = [UInt8](unsafeUninitializedCapacity: 16) { $1 = max(0, read(file, $0.baseAddress, $0.count)) }
  return String(decoding: name.prefix { $0 != 10 }, as: UTF8.self)
}
