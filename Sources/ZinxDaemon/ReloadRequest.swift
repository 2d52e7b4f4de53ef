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
      return explain(error, path: path, program: program, isInJournal: getenv("JOURNAL_STREAM") != nil)
    }
  }

  /// What a reload that failed means.
  ///
  /// - Parameter isInJournal: Whether what is printed goes where the daemon's own lines are.
  static func explain(
    _ failure: ControlClient.Failure, path: String, program: String, isInJournal: Bool
  ) -> (ExitStatus, [String]) {
    switch failure {
    case .refused(let refusal):
      let lines = refusal.message.split(separator: "\n").map { shown(String($0)) }
      let (words, advice) = ("error: \(path): \(lines.joined(separator: "; "))", "The running configuration stays in force.")
      switch refusal.code {
      case .refused: return (.configuration, (isInJournal ? [] : lines.dropLast()) + ["\(advice) \(lines.last ?? "")"])
      case .busy: return (.unavailable, [words, "\(advice) Reload again in a moment, or send SIGHUP to \(program)."])
      case .draining:
        return (.unavailable, [words, "It takes no new configuration any more: start \(program) again when it has ended."])
      case .notPermitted: return (.notPermitted, [words, "Reload as root or as the user of the service."])
      case .badLine, .badRequest, .badFilter, .notFound:
        return (.unavailable, [words, "\(advice) Is what runs another version of \(program)? Send SIGHUP to it."])
      }
    case .broken(let reason): return unavailable(path, shown(reason))
    case .unreachable(let reason) where reason.code == EACCES || reason.code == EPERM:
      return (.notPermitted, ["error: \(path): \(reason)", "Reload as root or as the user of the service."])
    case .unreachable(let reason): return unavailable(path, "\(reason)")
    }
  }

  private static func unavailable(_ path: String, _ reason: String) -> (ExitStatus, [String]) {
    (.unavailable, ["error: \(path): \(reason)", "No running service was found there; see systemctl status."])
  }
}
