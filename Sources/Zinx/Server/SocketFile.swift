import Glibc
import ZinxIO

/// The file of a UNIX socket that we listen on. It is ours for as long as it is the one that we made.
struct SocketFile: Sendable, Equatable {
  let path: String
  private let device: dev_t
  private let inode: ino_t

  /// What is at the path now; nil without anything, or with what is no socket.
  init?(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
    (self.path, device, inode) = (path, status.st_dev, status.st_ino)
  }

  /// Removes the file, unless another has taken its place.
  func remove() { if SocketFile(path) == self { unlink(path) } }

  func set(mode: UInt16) { if SocketFile(path) == self { chmod(path, mode_t(mode)) } }
}
