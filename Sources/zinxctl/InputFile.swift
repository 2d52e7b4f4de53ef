import ArgumentParser
import Glibc
import ZinxControl
import ZinxIO

/// Data that somebody has in a file.
enum InputFile {
  /// As much as can be sent, and a byte more where there is more.
  static func read(_ path: String) throws -> [UInt8] {
    let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw fault(path) }
    defer { if path != "-" { close(descriptor) } }
    let limit = ControlRequest.Sending.longest + 1
    var bytes = [UInt8](repeating: 0, count: limit)
    var count = 0
    while count < limit {
      let got = retryingOnInterrupt {
        bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress.map { $0 + count }, limit - count) }
      }
      guard got >= 0 else { throw fault(path) }
      if got == 0 { break }
      count += got
    }
    return Array(bytes.prefix(count))
  }

  private static func fault(_ path: String) -> ValidationError { ValidationError("\(path): \(String(cString: strerror(errno)))") }
}
