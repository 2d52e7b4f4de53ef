import Glibc
import ZinxIO

/// Files as bytes.
enum Input {
  /// Reads a file, or the standard input for `-`, to its end.
  static func read(_ path: String) throws(SystemError) -> [UInt8] {
    if path == "-" { return try read(STDIN_FILENO) }
    let file = try Descriptor(open(path, O_RDONLY | O_CLOEXEC), from: "open")
    return try read(file.number)
  }

  private static func read(_ descriptor: Int32) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = retryingOnInterrupt { Glibc.read(descriptor, &piece, piece.count) }
      guard count >= 0 else { throw SystemError("read") }
      if count == 0 { return bytes }
      bytes += piece[..<count]
    }
  }
}
