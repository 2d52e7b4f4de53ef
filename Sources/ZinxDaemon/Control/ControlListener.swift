import CLinux
import Glibc
import ZinxControl
import ZinxIO

/// A listening socket of the control protocol, and who may come in by it.
struct ControlListener: Sendable {
  enum Access: Sendable, Equatable {
    /// Root and the user of the service: a socket that we have opened.
    case owner
    /// Who can open the file of a socket that systemd has made (`SocketMode=`, `SocketGroup=`).
    case file
  }

  let descriptor: Int32
  let access: Access
  /// The file that goes with the socket.
  var path: String?

  /// One that was passed.
  init(passed descriptor: Int32) { (self.descriptor, access) = (descriptor, .file) }

  /// Listens at a path. What an earlier process has left there is replaced, if it is a socket to which nobody listens.
  init(path: String) throws(SystemError) {
    let descriptor = try Descriptor(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0), from: "socket")
    try Self.makeRoom(at: path)
    let number = descriptor.number
    guard let status = UnixStream.withAddress(of: path, { bind(number, $0, $1) }) else { throw SystemError("bind", code: EINVAL) }
    guard status == 0 else { throw SystemError("bind") }
    // Nobody can connect before listen(2), so there is no time in which others may.
    if path.hasPrefix("/"), chmod(path, 0o600) != 0 { throw SystemError("chmod") }
    guard listen(number, 16) == 0 else { throw SystemError("listen") }
    self.descriptor = descriptor.release()
    access = .owner
    self.path = path.hasPrefix("/") ? path : nil
  }

  private static func makeRoom(at path: String) throws(SystemError) {
    var status = stat()
    guard path.hasPrefix("/"), lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw SystemError("bind", code: EEXIST) }
    if (try? UnixStream(connectingTo: path)) != nil { throw SystemError("bind", code: EADDRINUSE) }
    unlink(path)
  }

  func close() {
    if let path { unlink(path) }
    _ = Glibc.close(descriptor)
  }
}
