import Glibc

/// Why a file cannot be read.
public enum FileProblem: Error, Sendable, Equatable, CustomStringConvertible {
  case missing
  case notPermitted
  case isDirectory
  /// It has more bytes than this.
  case tooLarge(limit: Int)
  /// It is a pipe, and nobody wrote into it and closed it in this time.
  case unfinishedPipe(Duration)
  /// Somebody wrote to it meanwhile.
  case changed
  /// Anything else, as `errno`.
  case system(CInt)

  public var description: String {
    switch self {
    case .missing: "no such file"
    case .notPermitted: "permission denied"
    case .isDirectory: "is a directory, but must be a file"
    case .tooLarge(let limit): "larger than \(limit) bytes, which no configuration file is"
    case .unfinishedPipe(let patience): "is a pipe into which nobody wrote a whole file within \(patience)"
    case .changed: "changed while it was read; replace a file as a whole, with mv"
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

  /// Reads a whole file or pipe. Blocks: for start and reload, not for an event loop. Who writes into a pipe has `patience` to finish.
  public static func readFile(_ path: String, patience: Duration = .seconds(3)) throws(FileProblem) -> [UInt8] {
    // Not blocking: the other end of a pipe may have nobody.
    let descriptor = try retrying { open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) }
    defer { close(descriptor) }
    let before = try FileState(descriptor)
    let deadline = ContinuousClock.now + patience
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      if !before.isRegular, !isReadable(descriptor, until: deadline) { throw .unfinishedPipe(patience) }
      let count = try retrying { Int32(chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }) }
      if count == 0 { break }
      content += chunk.prefix(Int(count))
      if content.count > maximumSize { throw .tooLarge(limit: maximumSize) }
    }
    // Half of one text and half of another can be a valid file that nobody wrote.
    if before.isRegular, try FileState(descriptor) != before { throw .changed }
    return content
  }

  /// Waits for bytes, or for the end.
  private static func isReadable(_ descriptor: CInt, until deadline: ContinuousClock.Instant) -> Bool {
    while true {
      let left = max(.zero, deadline - .now)
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
      if poll(&entry, 1, CInt(clamping: milliseconds)) > 0 { return true }
      if left == .zero { return false }
    }
  }

  /// Repeats a call while a signal interrupts it.
  private static func retrying(_ call: () -> CInt) throws(FileProblem) -> CInt {
    while true {
      let result = call()
      if result >= 0 { return result }
      if errno != EINTR { throw FileProblem(errno: errno) }
    }
  }
}

/// What tells a file that was written to from one that was not.
private struct FileState: Equatable {
  let isRegular: Bool
  let size: off_t
  let seconds: time_t
  let nanoseconds: Int

  init(_ descriptor: CInt) throws(FileProblem) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileProblem(errno: errno) }
    isRegular = status.st_mode & S_IFMT == S_IFREG
    size = status.st_size
    (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
  }
}
