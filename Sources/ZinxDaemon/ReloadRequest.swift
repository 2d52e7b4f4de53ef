import Glibc
import ZinxControl

/// `systemctl reload`, whose `ExecReload=` is `zinxd --reload`: asks the running daemon by its control socket, and ends when the new
/// configuration is in force, or with a status that fails the reload when the file is bad.
///
/// A signal alone would tell `systemctl` nothing, and a check of the file before it could see another file than the daemon then reads.
enum ReloadRequest {
  /// What to exit with, and the lines that say why.
  ///
  /// - Parameter setting: `ControlSocket`, as far as a file that can be read says it.
  static func ask(_ setting: String?, program: String) -> (ExitStatus, [String]) {
    guard let path = ControlPlace.path(setting, runtimeDirectory: ControlPlace.runtimeDirectory ?? "/run/\(program)") else {
      return (.unavailable, ["error: ControlSocket is \"off\": there is nobody to ask", "Send SIGHUP to \(program) to reload."])
    }
    do throws(ControlClient.Failure) {
      _ = try ControlClient(path).ask(.reload)
      return (.success, [])
    } catch {
      switch error {
      case .refused(let refusal) where refusal.code == .refused:
        // The journal has the daemon's own lines already.
        let lines = refusal.message.split(separator: "\n").map(String.init)
        let shown = getenv("JOURNAL_STREAM") == nil ? lines.dropLast() : []
        return (.configuration, shown + ["The running configuration stays in force. \(lines.last ?? "")"])
      case .refused(let refusal): return unavailable(path, refusal.message)
      case .broken(let reason): return unavailable(path, reason)
      case .unreachable(let reason): return unavailable(path, "\(reason)")
      }
    }
  }

  private static func unavailable(_ path: String, _ reason: String) -> (ExitStatus, [String]) {
    (.unavailable, ["error: \(path): \(reason)", "No running service was found there; see systemctl status."])
  }
}
