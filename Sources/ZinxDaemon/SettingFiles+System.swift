import Glibc
import Zinx
import ZinxConfig

extension SettingFiles {
  /// Those of the machine.
  ///
  /// - Parameter isQuestion: for `--check` outside the service, which does not have its credentials.
  static func system(isQuestion: Bool) -> Self {
    if let path = getenv("CREDENTIALS_DIRECTORY") { return system(credentials: .directory(String(cString: path))) }
    return system(credentials: isQuestion ? .unchecked : .absent)
  }

  static func system(credentials: Credentials) -> Self {
    SettingFiles(
      credentials: credentials,
      content: { path in
        do throws(FileProblem) { return .success(try ConfigurationFile.readFile(path)) } catch {
          return .failure(Unreadable("\(error)"))
        }
      },
      fault: { path in
        do throws(FileProblem) { try ConfigurationFile.checkReadable(path) } catch { return Unreadable("\(error)") }
        return nil
      })
  }
}
