import Glibc

/// Where a file was read, as far as this process can tell.
///
/// A mount shows what had the name when it was made, whatever has the name now: a service in a sandbox or a container may go on reading
/// a directory or file that the operator has replaced long ago.
public struct FilePlace: Sendable, Equatable {
  /// The mount that a file is on.
  struct Mount: Sendable, Equatable {
    var id: Int
    /// What is mounted, by its name of this moment in its own file system; `//deleted` behind it when the name is gone.
    var root: String
    /// Where it is mounted.
    var point: String
  }

  /// Without links; nil where there is no `/proc`.
  var path: String?
  /// Nil where there is no `/proc`.
  var mount: Mount?
  /// What a relative path starts from; nil for an absolute one.
  var workingDirectory: String?
  /// The permissions.
  var mode: mode_t
}

extension FilePlace {
  /// The place of an open file. Reads `/proc/self`.
  init(of descriptor: CInt, openedAs path: String) {
    var status = stat()
    mode = fstat(descriptor, &status) == 0 ? status.st_mode & 0o7777 : 0
    self.path = linkTarget("/proc/self/fd/\(descriptor)").map(Self.withoutDeletion)
    workingDirectory = path.hasPrefix("/") ? nil : currentDirectory()
    let information = procText("fdinfo/\(descriptor)").split(separator: "\n").first { $0.hasPrefix("mnt_id:") }
    guard let id = information?.split(separator: "\t").last.flatMap({ Int($0) }) else { return }
    mount = Mount(id: id, in: procText("mountinfo"))
  }

  /// The kernel's mark, in either form, for a name that is gone.
  private static func withoutDeletion(_ path: String) -> String {
    for mark in ["//deleted", " (deleted)"] where path.hasSuffix(mark) { return String(path.dropLast(mark.count)) }
    return path
  }

  /// Why what was read here is no longer what the operator sees at that path; nil if nothing is known against it.
  ///
  /// - Parameter start: the place when the daemon started.
  public func displacement(since start: FilePlace?) -> String? {
    if let before = start?.workingDirectory, let now = workingDirectory, before != now {
      return
        "the working directory, \(before) at the start, was moved or replaced; this process still sees the old one, now \(now)"
    }
    guard let mount else { return nil }
    let isMoved = start?.mount.map { $0.id == mount.id && $0.root != mount.root } ?? false
    guard mount.isDeleted || isMoved else { return nil }
    let what = mount.point == path ? "the file" : "the directory \(mount.point)"
    return "\(what) is a mount of its own, and what was mounted has been moved or replaced; this process still sees the old one"
  }

  /// What will not work, known when the file is first read.
  public func startWarnings(for path: String) -> [String] {
    guard let mount, mount.point == self.path else { return [] }
    return [
      "\(path): warning: the file is a mount of its own: what takes its place (mv, sed -i, most editors) is not seen by a reload; "
        + "mount its directory"
    ]
  }

  /// What `--check` should say beside, when root can read what a service may not.
  public func checkWarnings(for path: String, isRoot: Bool) -> [String] {
    var warnings: [String] = []
    if isRoot, mode & 0o004 == 0 {
      warnings.append(
        "\(path): warning: its mode is 0\(String(mode, radix: 8)): a service that runs as another user may not read it")
    }
    if let target = self.path, path.hasPrefix(Self.serviceFolder), !target.hasPrefix(Self.serviceFolder) {
      warnings.append(
        "\(path): warning: it leads to \(target): a service that is shown no more than \(Self.serviceFolder) does not find it there"
      )
    }
    return warnings
  }

  /// What the unit of the package shows to the service.
  private static let serviceFolder = "/etc/zinx/"
}

extension FilePlace.Mount {
  /// The mount with this number in the text of `/proc/self/mountinfo` (proc(5)).
  init?(id: Int, in mountinfo: String) {
    for line in mountinfo.split(separator: "\n") {
      let fields = line.split(separator: " ", maxSplits: 5)
      guard fields.count == 6, Int(fields[0]) == id else { continue }
      self.init(id: id, root: Self.unescaped(fields[3]), point: Self.unescaped(fields[4]))
      return
    }
    return nil
  }

  var isDeleted: Bool { root.hasSuffix("//deleted") }

  /// The kernel writes blanks and backslashes as three octal digits.
  private static func unescaped(_ field: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = field.utf8[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8) {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Where a symbolic link leads, as it is written; nil for what is none.
func linkTarget(_ path: String) -> String? {
  var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
  let count = bytes.withUnsafeMutableBytes { bytes in
    bytes.withMemoryRebound(to: CChar.self) { text in text.baseAddress.map { readlink(path, $0, text.count) } ?? -1 }
  }
  return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
}

private func currentDirectory() -> String? {
  guard let path = getcwd(nil, 0) else { return nil }
  defer { free(path) }
  return String(cString: path)
}

/// A file of `/proc/self`; empty where there is none.
private func procText(_ name: String) -> String {
  let descriptor = open("/proc/self/\(name)", O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return "" }
  defer { close(descriptor) }
  var content: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 16384)
  while true {
    let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 else { return String(decoding: content, as: UTF8.self) }
    content += chunk.prefix(count)
  }
}
