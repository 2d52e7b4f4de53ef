import Glibc
import Zinx

/// Exit statuses after sysexits(3); systemd names them in the same way.
enum ExitStatus: Int32, CaseIterable {
  case success = 0
  /// Wrong command line.
  case usage = 64
  /// A file that was asked for cannot be read.
  case noInput = 66
  /// Address in use, not available, or another resource of the system is missing.
  case unavailable = 69
  /// What was asked for cannot be written.
  case output = 74
  /// The user may not do this.
  case notPermitted = 77
  /// The configuration is wrong.
  case configuration = 78

  /// What a server that did not start means for the operator: the status, what happened, and what to do.
  static func explain(_ error: any Error, path: String, program: String) -> (status: ExitStatus, what: String, advice: String) {
    if let unclaimed = error as? PassedSockets.Unclaimed {
      return (
        .configuration, "a socket was passed under the name \"\(unclaimed.socket)\", which no listener bears",
        "Give it the Name of a listener of \(path) (FileDescriptorName= in the socket unit): \(unclaimed.listeners.joined(separator: ", "))."
      )
    }
    if let failed = error as? MetricsService.Failed {
      let inner = explain(failed.reason, path: path, program: program)
      return (
        inner.status, "metrics: \(inner.what)",
        "Set MetricsAddress in \(path) to an address of this machine that is free, or remove it."
      )
    }
    switch error as? ZinxError {
    case .hostNotFound(let host, let reason):
      return (
        .configuration, "cannot find the host \"\(host)\": \(reason)",
        "Set Host (of a listener: its Address) in \(path) to an address of this machine."
      )
    case .hostUnresolved(let host, let reason):
      return (
        .unavailable, "cannot find the host \"\(host)\" for the moment: \(reason)",
        "Start again when names can be resolved (getent ahosts \(host) tries it), or set Host in \(path) to an address."
      )
    case .limitTooLow(let name, let limit, let needed):
      return limitTooLow(name, limit, needed, path)
    case .cannotListen(let address, let call, let code):
      return listenFailed(address, "\(call): \(String(cString: strerror(code)))", code, path, program)
    case .addressHeld(let address, let holder):
      return (
        .unavailable,
        "cannot listen on \(address): another process listens there (\(holder.map { "\($0)" } ?? "nothing known of it"))",
        "Stop it, or set another Address in \(path)."
      )
    case .badCertificate(let listener, let fault):
      return (
        .configuration, "the listener \(listener) cannot speak TLS: \(fault)",
        "Put files there that are good and that the service can read; \(program) --check --config \(path) shows every fault."
      )
    case .duplicateRoute(let ids, let first, let second, let listener):
      return (
        .configuration, RouteConflict(ids: ids, first: first, second: second, listener: listener).what,
        "\(ids == .otherwise ? "Switch one of them off" : "Give one of them another MsgID") under Plugins in \(path)."
      )
    case .pluginNotFound(let name, let listener):
      return (
        .configuration, "the listener \(quotedBriefly(listener)) has the plugin \(quotedBriefly(name)), which is not running",
        "Restart \(program): plugins come and go with it."
      )
    case .settingsRefused(let plugin, let reason):
      return (
        .configuration, "the plugin \"\(plugin)\" refuses its new settings: \(reason)",
        "Correct them under Plugins in \(path), then reload again."
      )
    case .systemCallFailed(let call, let code):
      return (.unavailable, "\(call): \(String(cString: strerror(code)))", shortage(code, path))
    default:
      return (.unavailable, "cannot start: \(error)", "See the lines above.")
    }
  }

  /// The same of a server that runs and did not change.
  static func explainReload(_ error: any Error, path: String, program: String) -> (
    status: ExitStatus, what: String, advice: String
  ) {
    guard case .duplicateRoute(let ids, let first, let second, let listener)? = error as? ZinxError else {
      return explain(error, path: path, program: program)
    }
    // The file was checked: as it stands, they do not meet.
    return (
      .configuration,
      RouteConflict(ids: ids, first: first, second: second, listener: listener).what + ", with the settings that they run with",
      "Restart \(program): plugins take other message ids when they start, and \(path) has no two that meet."
    )
  }

  /// What to do when a system call found too little of something.
  private static func shortage(_ code: Int32, _ path: String) -> String {
    switch code {
    case EMFILE, ENFILE: "Raise the limit of open files (LimitNOFILE=, ulimit -n), or lower IOThreads in \(path)."
    default:
      "Raise the limit of threads (TasksMax=, ulimit -u) or of memory (RLIMIT_AS: LimitAS=, ulimit -v), or lower IOThreads or WorkerPoolSize in \(path)."
    }
  }

  private static func limitTooLow(_ name: String, _ limit: UInt64, _ needed: UInt64, _ path: String) -> (
    ExitStatus, String, String
  ) {
    switch name {
    case "RLIMIT_NOFILE":
      return (
        .unavailable, "the limit of open files (\(name)) is \(limit), but at least \(needed) are needed",
        "Raise it (LimitNOFILE=, ulimit -n); ReservedDescriptors and IOThreads in \(path) have a part in it."
      )
    default:
      let (unit, option) = name == "RLIMIT_AS" ? ("LimitAS=", "v") : ("LimitDATA=", "d")
      return (
        .unavailable,
        "the limit of memory (\(name)) is \(limit >> 20) MiB, but at least \(needed >> 20 + 1) are needed, most of it for the stacks of threads",
        "Raise it (\(unit), ulimit -\(option)), or lower WorkerPoolSize or IOThreads in \(path)."
      )
    }
  }

  private static func listenFailed(_ address: String, _ reason: String, _ code: Int32, _ path: String, _ program: String) -> (
    ExitStatus, String, String
  ) {
    let what = "cannot listen on \(address): \(reason)"
    let isLocal = address.hasPrefix("unix:")
    switch code {
    case EEXIST where isLocal:
      return (.unavailable, what, "Something else than a socket has that path: remove it, or set another Address in \(path).")
    case EACCES where isLocal, EPERM where isLocal, EROFS where isLocal:
      return (
        .notPermitted, what,
        "Set an Address in \(path) in a directory of the service (RuntimeDirectory=), or have a socket unit open it (SocketGroup=)."
      )
    case ENOENT where isLocal: return (.unavailable, what, "Make the directory, or set another Address in \(path).")
    case EACCES, EPERM:
      return (
        .notPermitted, what,
        "Ports below 1024 need CAP_NET_BIND_SERVICE: set a higher TcpPort (of a listener: its Address) in \(path), or use \(program).socket."
      )
    case EADDRINUSE:
      return (
        .unavailable, what,
        "Stop who listens there (ss -ltnp shows it), or set another TcpPort (of a listener: its Address) in \(path)."
      )
    case EADDRNOTAVAIL:
      return (
        .unavailable, what,
        "Set Host (of a listener: its Address) in \(path) to an address of this machine (ip address shows them)."
      )
    case EMFILE, ENFILE, ENOMEM, ENOBUFS: return (.unavailable, what, shortage(code, path))
    default:
      return (.unavailable, what, "Set Host and TcpPort in \(path) to what this machine can listen on.")
    }
  }
}
