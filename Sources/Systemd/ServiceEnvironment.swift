import Glibc

/// What the service manager told this process through its environment.
public struct ServiceEnvironment: Sendable, Equatable {
  /// Where notifications go (`NOTIFY_SOCKET`): a path, or an abstract name with a leading `@`.
  public var notifySocket: String?
  /// The longest time the manager waits between two watchdog pings (`WATCHDOG_USEC`), if it watches this process at all.
  public var watchdogTimeout: Duration?
  /// The number of passed sockets (`LISTEN_FDS`) as found, if they are meant for this process.
  public var listenCount: String?
  /// The names of the passed sockets (`LISTEN_FDNAMES`) as found, separated by colons.
  public var listenNames: String?
  /// Device and inode of the journal's stream (`JOURNAL_STREAM`), if the manager connected standard output or error to it.
  public var journalStream: String?

  /// Reads `variables`. What carries another process's id was inherited by accident and is ignored, as is a value that is no
  /// number.
  public init(_ variables: [String: String], processID: Int32) {
    let ours = String(processID)
    notifySocket = variables["NOTIFY_SOCKET"]
    journalStream = variables["JOURNAL_STREAM"]
    // Without WATCHDOG_PID the time-out is for whoever reads it, after sd_watchdog_enabled(3).
    if variables["WATCHDOG_PID", default: ours] == ours, let timeout = variables["WATCHDOG_USEC"].flatMap(Int64.init), timeout > 0
    {
      watchdogTimeout = .microseconds(timeout)
    }
    if variables["LISTEN_PID"] == ours {
      listenCount = variables["LISTEN_FDS"]
      listenNames = variables["LISTEN_FDNAMES"]
    }
  }

  /// What another program in the same process is to find, as it was found here. Sockets that were passed are not part of it.
  public func variables(for processID: Int32) -> [String] {
    var variables: [String] = []
    if let notifySocket { variables.append("NOTIFY_SOCKET=\(notifySocket)") }
    if let watchdogTimeout {
      variables += ["WATCHDOG_USEC=\(watchdogTimeout / .microseconds(1))", "WATCHDOG_PID=\(processID)"]
    }
    return variables
  }

  /// Reads this process's environment and removes from it what no child may inherit: a child that could notify would be able to
  /// end this service's start, and one that found `LISTEN_FDS` would take descriptors 3 and up for its own.
  ///
  /// Call it first in `main`, while there is one thread: unsetenv(3) is not safe beside a getenv(3) of another.
  public static func takeFromProcess() -> ServiceEnvironment {
    var variables: [String: String] = [:]
    for name in ownVariables + ["JOURNAL_STREAM"] { variables[name] = getenv(name).map { String(cString: $0) } }
    for name in ownVariables { unsetenv(name) }
    return ServiceEnvironment(variables, processID: getpid())
  }

  /// `LISTEN_PIDFDID` is set by newer managers only.
  private static let ownVariables = [
    "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID",
  ]
}
