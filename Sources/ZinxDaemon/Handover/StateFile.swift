import CLinux
import Glibc
import ZinxIO

/// A state in a file in memory that nobody can change.
enum StateFile {
  /// Beyond this nothing is read: more than the queues and buffers of any server hold.
  private static let largest = 16 << 30

  /// - Parameter pieces: the bytes, one piece behind the other.
  ///
  /// Throws: ``SystemError``.
  static func write(_ pieces: [[UInt8]]) throws(SystemError) -> Descriptor {
    let file = try Descriptor(clinux_memory_file("zinx-state"), from: "memfd_create")
    let number = file.number
    for piece in pieces {
      var rest = piece[...]
      while !rest.isEmpty {
        let count = retryingOnInterrupt { rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) } }
        guard count > 0 else { throw SystemError("write") }
        rest = rest.dropFirst(count)
      }
    }
    guard clinux_seal(number) == 0 else { throw SystemError("fcntl") }
    return file
  }

  /// All of a file that another program has written.
  ///
  /// Throws: ``SystemError``, also for what is no file.
  static func read(_ number: Int32) throws(SystemError) -> [UInt8] {
    var status = stat()
    guard fstat(number, &status) == 0 else { throw SystemError("fstat") }
    guard status.st_mode & S_IFMT == S_IFREG, status.st_size <= largest else { throw SystemError("fstat", code: EINVAL) }
    let size = Int(status.st_size)
    var failure: SystemError?
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size {
        let offset = count
        let read = retryingOnInterrupt { pread(number, buffer.baseAddress.map { $0 + offset }, size - offset, off_t(offset)) }
        guard read > 0 else {
          failure = read < 0 ? SystemError("pread") : SystemError("pread", code: EIO)
          return
        }
        count += read
      }
    }
    if let failure { throw failure }
    return bytes
  }
}
