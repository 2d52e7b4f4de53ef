import Glibc

/// Why a file cannot be read.
public enum FileProblem: Error, Sendable, Equatable, CustomStringConvertible {
  case missing
  case notPermitted
  case isDirectory
  /// It has more bytes than this.
  case tooLarge(limit: Int)
  /// Anything else, as `errno`.
  case system(CInt)

  public var description: String {
    switch self {
    case .missing: "no such file"
    case .notPermitted: "permission denied"
    case .isDirectory: "is a directory, but must be a file"
    case .tooLarge(let limit): "larger than \(limit) bytes, which no configuration file is"
    case .system(let code): strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }
  }

  init(errno code: CInt) {
    switch code {
    case ENOENT, ENOTDIR: self = .missing
    case EACCES, EPERM: self = .notPermitted
    case EISDIR: self = .isDirectory
    default: self = .system(code)
    }
  }
}

extension ConfigurationFile {
  /// Bytes of a file beyond which it is certainly the wrong one: a configuration of every key takes under one thousand.
  public static let maximumSize = 1 << 20

  /// Reads a whole file or pipe. Blocks: for start and reload, not for an event loop.
  public static func readFile(_ path: String) throws(FileProblem) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
    guard descriptor >= 0 else { throw FileProblem(errno: errno) }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      if count == 0 { return content }
      if count < 0 {
        if errno == EINTR { continue }
        throw FileProblem(errno: errno)
      }
      content += chunk.prefix(count)
      if content.count > maximumSize { throw .tooLarge(limit: maximumSize) }
    }
  }
}
