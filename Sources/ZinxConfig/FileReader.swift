import Glibc

/// Why a file cannot be read.
public enum FileProblem: Error, Sendable, Equatable, CustomStringConvertible {
  case missing
  /// It, or a directory on the way to it, is a link to this, which is not there.
  case brokenLink(String)
  /// For this user; and what is known of the file.
  case notPermitted(String)
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
    case .brokenLink(let target): "leads to \(target), which is not there for this process"
    case .notPermitted(let whom): "permission denied for \(whom)"
    case .isDirectory: "is a directory, but must be a file"
    case .tooLarge(let limit): "larger than \(limit) bytes, which no configuration file is"
    case .unfinishedPipe(let patience): "is a pipe into which nobody wrote a whole file within \(patience)"
    case .changed: "changed while it was read; replace a file as a whole, with mv"
    case .system(let code): strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }
  }

  /// What an operator can do about it, if that is not to correct what the file says.
  public func advice(for path: String) -> String? {
    switch self {
    case .brokenLink:
      "Put the file itself there: a service sees only what its unit shows it, also where --check outside of it says OK."
    case .notPermitted:
      "Let that user read \(path) (chmod a+r, and a+x for the directories above it); root may always, so --check as root says OK."
    case .missing, .isDirectory, .tooLarge, .unfinishedPipe, .changed, .system: nil
    }
  }

  init(errno code: CInt, _ path: String) {
    switch code {
    case ENOENT, ENOTDIR: self = Self.brokenLink(on: path).map { .brokenLink($0) } ?? .missing
    case EACCES, EPERM: self = .notPermitted(Self.user() + Self.permissions(of: path))
    case EISDIR: self = .isDirectory
    default: self = .system(code)
    }
  }

  /// The target of the first link on the path that leads nowhere.
  private static func brokenLink(on path: String) -> String? {
    var prefix = ""
    for part in path.split(separator: "/", omittingEmptySubsequences: false) {
      prefix += prefix.isEmpty && !part.isEmpty ? String(part) : "/\(part)"
      if let target = linkTarget(prefix), access(prefix, F_OK) != 0 { return target }
    }
    return nil
  }

  private static func user() -> String {
    let id = geteuid()
    // A user that systemd made for the service is in no list that its sandbox has.
    let name = getpwuid(id).map { String(cString: $0.pointee.pw_name) } ?? getenv("USER").map { String(cString: $0) }
    return name.map { "user \($0) (uid \(id))" } ?? "uid \(id)"
  }

  private static func permissions(of path: String) -> String {
    var status = stat()
    guard stat(path, &status) == 0 else { return ", who may not look into its directory" }
    return "; its mode is 0\(String(status.st_mode & 0o7777, radix: 8)), its owner uid \(status.st_uid)"
  }
}

extension ConfigurationFile {
  /// Bytes of a file beyond which it is certainly the wrong one: a configuration of every key takes under one thousand.
  public static let maximumSize = 1 << 20

  /// Reads a whole file or pipe. Blocks: for start and reload, not for an event loop. Who writes into a pipe has `patience` to finish.
  public static func readFile(_ path: String, patience: Duration = .seconds(3)) throws(FileProblem) -> [UInt8] {
    try readContent(path, patience: patience).bytes
  }

  /// The same, with the place where it was read.
  public static func readContent(_ path: String, patience: Duration = .seconds(3)) throws(FileProblem) -> FileContent {
    // Not blocking: the other end of a pipe may have nobody.
    let descriptor = try retrying(path) { open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) }
    defer { close(descriptor) }
    return FileContent(bytes: try readAll(descriptor, path, patience), place: FilePlace(of: descriptor, openedAs: path))
  }

  /// Whether a file is there, is no directory, and may be read. Reads nothing of it.
  public static func checkReadable(_ path: String) throws(FileProblem) {
    guard access(path, R_OK) == 0 else { throw FileProblem(errno: errno, path) }
    var status = stat()
    guard stat(path, &status) == 0 else { throw FileProblem(errno: errno, path) }
    if status.st_mode & S_IFMT == S_IFDIR { throw .isDirectory }
  }

  private static func readAll(_ descriptor: CInt, _ path: String, _ patience: Duration) throws(FileProblem) -> [UInt8] {
    let before = try FileState(descriptor, path)
    let deadline = ContinuousClock.now + patience
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      if !before.isRegular, !isReadable(descriptor, until: deadline) { throw .unfinishedPipe(patience) }
      let count = try retrying(path) { Int32(chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }) }
      if count == 0 { break }
      content += chunk.prefix(Int(count))
      if content.count > maximumSize { throw .tooLarge(limit: maximumSize) }
    }
    // Half of one text and half of another can be a valid file that nobody wrote.
    if before.isRegular, try FileState(descriptor, path) != before { throw .changed }
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
  private static func retrying(_ path: String, _ call: () -> CInt) throws(FileProblem) -> CInt {
    while true {
      let result = call()
      if result >= 0 { return result }
      if errno != EINTR { throw FileProblem(errno: errno, path) }
    }
  }
}

/// What a file holds, and where it was read.
public struct FileContent: Sendable, Equatable {
  public var bytes: [UInt8]
  public var place: FilePlace?

  public init(bytes: [UInt8], place: FilePlace? = nil) {
    self.bytes = bytes
    self.place = place
  }
}

/// What tells a file that was written to from one that was not.
private struct FileState: Equatable {
  let isRegular: Bool
  let size: off_t
  let seconds: time_t
  let nanoseconds: Int

  init(_ descriptor: CInt, _ path: String) throws(FileProblem) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileProblem(errno: errno, path) }
    isRegular = status.st_mode & S_IFMT == S_IFREG
    size = status.st_size
    (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
  }
}
