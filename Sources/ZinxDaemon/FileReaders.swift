import CLinux
import Glibc

/// Who may read a file, by its permissions and those of the directories above: root may read all, so what it can read says nothing of what
/// the user of a service may.
struct FileReaders: Equatable {
  /// What keeps others out: the file, or a directory above it.
  var path: String
  var isDirectory = false
  var owner: String
  var group: String
  /// Whether the group may.
  var isGroupIn: Bool

  /// A sentence without a full stop.
  var text: String {
    let users = owner == "root" ? ["root"] : ["root", owner]
    let names = users + (isGroupIn ? ["the group \(group)"] : [])
    let who = names.count == 1 ? names[0] : names.dropLast().joined(separator: ", ") + " and " + (names.last ?? "")
    return "nobody but \(who) may \(isDirectory ? "enter \(path)" : "read \(path)"): see that the service is one of them "
      + "(User=, SupplementaryGroups=, LoadCredential=)"
  }
}

extension FileReaders {
  /// Nil where everybody may read it, and where nothing can be told.
  ///
  /// - Parameter path: absolute, or from the working directory.
  init?(of path: String) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    for count in 1...max(1, parts.count) {
      let part = parts.prefix(count).joined(separator: "/")
      guard !part.isEmpty else { continue }
      let isLast = count == parts.count
      guard let found = Self(of: part, bit: isLast ? 0o4 : 0o1, isDirectory: !isLast) else { continue }
      self = found
      return
    }
    return nil
  }

  private init?(of path: String, bit: mode_t, isDirectory: Bool) {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & bit == 0 else { return nil }
    let owner = getpwuid(status.st_uid).map { String(cString: $0.pointee.pw_name) } ?? "user \(status.st_uid)"
    let group = getgrgid(status.st_gid).map { String(cString: $0.pointee.gr_name) } ?? "\(status.st_gid)"
    self.init(
      path: path, isDirectory: isDirectory, owner: owner, group: group, isGroupIn: status.st_mode & (bit << 3) != 0)
  }
}
