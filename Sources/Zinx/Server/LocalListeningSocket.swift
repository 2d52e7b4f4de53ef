import CLinux
import Glibc
import ZinxIO

/// Makes the UNIX sockets that a server listens on.
enum LocalListeningSocket {
  struct Opened {
    var socket: Int32
    /// Nil for a name that is in no file system.
    var file: SocketFile?
  }

  /// Who has an address.
  private enum Holder {
    /// Nobody any more: a process that was killed has left its file.
    case gone
    case listens(PeerCredentials?)
  }

  /// Binds and listens. A file that a process which is gone has left is replaced; nothing else is.
  ///
  /// Throws: ``ZinxError/addressHeld(address:by:)``, ``ZinxError/cannotListen(address:call:code:)``.
  static func open(_ address: ListenAddress, mode: UInt16, backlog: Int32) throws(ZinxError) -> Opened {
    guard let bound = BindAddress(local: address) else { throw failure(address, SystemError("bind", code: ENAMETOOLONG)) }
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let number = Glibc.socket(AF_UNIX, type, 0)
    guard number >= 0 else { throw failure(address, SystemError("socket")) }
    let socket = Descriptor(owning: number)
    // Before there is a file, so that it is never open to more than it is to be.
    guard fchmod(number, mode_t(mode)) == 0 else { throw failure(address, SystemError("fchmod")) }
    try bind(number, address, bound)
    var file: SocketFile?
    if case .unix(let path) = address { file = SocketFile(path) }
    guard listen(number, backlog) == 0 else {
      let error = SystemError("listen")
      file?.remove()
      throw failure(address, error)
    }
    // What the process' umask has taken away.
    file?.set(mode: mode)
    return Opened(socket: socket.release(), file: file)
  }

  private static func bind(_ socket: Int32, _ address: ListenAddress, _ bound: BindAddress) throws(ZinxError) {
    var code = ListeningSocket.systemBind(socket, bound)
    if code == EADDRINUSE {
      var left: SocketFile?
      if case .unix(let path) = address {
        left = SocketFile(path)
        guard left != nil else { throw failure(address, SystemError("bind", code: EEXIST)) }
      }
      if case .listens(let credentials) = holder(of: bound) { throw .addressHeld(address: "\(address)", by: credentials) }
      left?.remove()
      code = ListeningSocket.systemBind(socket, bound)
    }
    guard code == 0 else { throw failure(address, SystemError("bind", code: code)) }
  }

  private static func failure(_ address: ListenAddress, _ error: SystemError) -> ZinxError {
    .cannotListen(address: "\(address)", call: error.call, code: error.code)
  }

  /// Asks by connecting, which whoever listens may notice.
  private static func holder(of address: BindAddress) -> Holder {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    guard let socket = try? Descriptor(Glibc.socket(AF_UNIX, type, 0), from: "socket") else { return .listens(nil) }
    let code = address.withSockaddr { connect(socket.number, $0, $1) == 0 ? 0 : errno }
    if code == ECONNREFUSED || code == ENOENT { return .gone }
    return .listens(code == 0 ? PeerCredentials(of: socket.number) : nil)
  }
}
