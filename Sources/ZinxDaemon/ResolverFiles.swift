import CLinux
import Glibc

/// The files by which names are resolved, as this process sees them.
enum ResolverFiles {
  /// Whether they may be of no use any more. The unit shows a process the files that there were at its start: what is put in their place
  /// later, as most programs write them, is seen after a restart only, and so is one that there was not.
  static var areOld: Bool {
    isReplaced("/etc/resolv.conf") || isReplaced("/etc/hosts") || access("/etc/resolv.conf", F_OK) != 0
  }

  /// Whether the file has no name any more although it is seen here.
  private static func isReplaced(_ path: String) -> Bool {
    var file = stat()
    return stat(path, &file) == 0 && file.st_nlink == 0
  }
}
