import Glibc
import ZinxIO

/// Files as bytes.
enum Input {
  /// Why there are none, in a clause.
  struct Unusable: Error, Equatable {
    let reason: String
  }

  /// Reads a file, or the standard input for `-`, to its end.
  ///
  /// - Parameter limit: bytes that it may have: not every file has an end.
  static func read(_ path: String, atMost limit: Int) throws(Unusable) -> [UInt8] {
    do throws(SystemError) {
      guard path != "-" else { return try read(STDIN_FILENO, limit) }
      let file = try Descriptor(open(path, O_RDONLY | O_CLOEXEC), from: "open")
      return try read(file.number, limit)
    } catch  where error.code == EFBIG { throw Unusable(reason: "more than \(limit) bytes") } catch {
      throw Unusable(reason: error.reason)
    }
  }

  /// Throws: with `EFBIG` beyond the limit.
  private static func read(_ descriptor: Int32, _ limit: Int) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = retryingOnInterrupt { Glibc.read(descriptor, &piece, piece.count) }
      guard count >= 0 else { throw SystemError("read") }
      if count == 0 { return bytes }
      guard count <= limit - bytes.count else { throw SystemError("read", code: EFBIG) }
      bytes += piece[..<count]
    }
  }
}
