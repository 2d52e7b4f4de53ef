import Glibc
import Zinx

/// Exit statuses after sysexits(3); systemd names them in the same way.
enum ExitStatus: Int32 {
  case success = 0
  /// Wrong command line.
  case usage = 64
  /// A file that was asked for cannot be read.
  case noInput = 66
  /// Address in use, not available, or another resource of the system is missing.
  case unavailable = 69
  /// The user may not do this.
  case notPermitted = 77
  /// The configuration is wrong.
  case configuration = 78

  /// What a server that did not start means for the operator: the status, what happened, and what to do.
  static func explain(_ error: any Error, path: String) -> (status: ExitStatus, what: String, advice: String) {
    switch error as? ZinxError {
    case .hostNotFound(let host, let reason):
      return (.configuration, "cannot find the host \"\(host)\": \(reason)", "Set Host in \(path) to an address of this machine.")
    case .cannotListen(let address, let call, let code):
      return listenFailed(address, "\(call): \(String(cString: strerror(code)))", code, path)
    case .duplicateRoute(let id, let first, let second):
      return (
        .configuration, "the plugins \"\(first)\" and \"\(second)\" both want message id \(id)",
        "Give one of them another MsgID under Plugins in \(path)."
      )
    case .systemCallFailed(let call, let code):
      return (
        .unavailable, "\(call): \(String(cString: strerror(code)))",
        "Raise the limit that was reached (LimitNOFILE=, TasksMax=) or lower MaxConn, IOThreads or WorkerPoolSize in \(path)."
      )
    default:
      return (.unavailable, "cannot start: \(error)", "See the lines above.")
    }
  }

  private static func listenFailed(_ address: String, _ reason: String, _ code: Int32, _ path: String) -> (
    ExitStatus, String, String
  ) {
    let what = "cannot listen on \(address): \(reason)"
    switch code {
    case EACCES, EPERM:
      return (
        .notPermitted, what,
        "Ports below 1024 need CAP_NET_BIND_SERVICE: set a higher TcpPort in \(path), or use zinxd.socket."
      )
    case EADDRINUSE:
      return (.unavailable, what, "Stop who listens there (ss -ltnp shows it), or set another TcpPort in \(path).")
    case EADDRNOTAVAIL:
      return (.unavailable, what, "Set Host in \(path) to an address of this machine (ip address shows them).")
    default:
      return (.unavailable, what, "Set Host and TcpPort in \(path) to what this machine can listen on.")
    }
  }
}
