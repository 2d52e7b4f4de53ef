import ArgumentParser
import Glibc
import ZinxControl

/// How the command ends when it does not end well: exit status after sysexits(3), and lines on standard error.
enum Failure {
  /// The daemon, or the kernel on its behalf, has said no.
  static let refused = ExitCode(1)
  static let unavailable = ExitCode(69)
  static let output = ExitCode(74)

  /// Every status with its meaning, for the help and the manual.
  static let meanings: KeyValuePairs = [
    0: "done", refused.rawValue: "refused, or not healthy", ExitCode.validationFailure.rawValue: "wrong usage",
    unavailable.rawValue: "no daemon there", output.rawValue: "standard output cannot be written",
  ]

  /// What a conversation that failed means: the status and the lines.
  static func explain(_ failure: ControlClient.Failure, paths: [String]) -> (status: ExitCode, lines: [String]) {
    let place = paths.joined(separator: ", ")
    switch failure {
    case .refused(let error):
      let isUsage = error.code == .badFilter
      return (isUsage ? ExitCode.validationFailure : refused, error.message.split(separator: "\n").map(String.init))
    case .broken(let reason): return (unavailable, [reason, "The daemon may have ended: see systemctl status zinxd."])
    case .unreachable(let error) where error.code == EACCES || error.code == EPERM:
      return (refused, ["\(place): \(error)", Self.permission])
    case .unreachable(let error):
      return (
        unavailable,
        ["\(place): \(error)", "Is zinxd running there? See systemctl status zinxd, ControlSocket in zinx.json, and --socket."]
      )
    }
  }

  /// What has to be done so that somebody may enter.
  static let permission =
    "Only root and the service may enter. For a group: set SocketGroup= (systemctl edit zinxd-control.socket), "
    + "systemctl stop zinxd, systemctl enable --now zinxd-control.socket, systemctl start zinxd."
}
