import Glibc
import Logging
import Systemd

/// `systemctl reload`, whose `ExecReload=` is `zinxd --reload`: asks the running daemon through a socket in its runtime directory, and
/// ends when the new configuration is in force, or with a status that fails the reload when the file is bad.
///
/// A signal alone would tell `systemctl` nothing, and a check of the file before it could see another file than the daemon then reads.
enum ReloadRequest {
  private static func path(_ program: String) -> String {
    // systemd sets it for the service and for ExecReload= alike; with several directories it has several paths.
    let variable = getenv("RUNTIME_DIRECTORY").map { String(cString: $0) } ?? ""
    return "\(variable.split(separator: ":").first ?? "/run/\(program)")/reload"
  }

  /// Answers requests, if there is a runtime directory. `begins` and `ended` speak to systemd about each reload.
  static func serve(
    _ reloader: Reloader, program: String, begins: @escaping @Sendable () -> Void, ended: @escaping @Sendable () -> Void,
    _ log: Logger
  ) -> RequestSocket? {
    guard getenv("RUNTIME_DIRECTORY") != nil else { return nil }
    let path = path(program)
    do {
      return try RequestSocket(path: path) {
        begins()
        defer { ended() }
        let lines = reloader.reload()
        return RequestSocket.Answer(isSuccess: lines.isEmpty, text: lines.joined(separator: "\n"))
      }
    } catch {
      log.warning("systemctl reload will fail, SIGHUP works: \(path): \(error)")
      return nil
    }
  }

  /// The asking side: what to exit with, and the lines that say why.
  static func ask(program: String) -> (ExitStatus, [String]) {
    let path = path(program)
    do {
      let answer = try RequestSocket.ask(path: path)
      if answer.isSuccess { return (.success, []) }
      // The journal has the daemon's own lines already.
      let lines = answer.text.split(separator: "\n").map(String.init)
      let shown = getenv("JOURNAL_STREAM") == nil ? lines.dropLast() : []
      return (.configuration, shown + ["The running configuration stays in force. \(lines.last ?? "")"])
    } catch {
      return (.unavailable, ["error: \(path): \(error)", "No running service was found there; see systemctl status."])
    }
  }
}
