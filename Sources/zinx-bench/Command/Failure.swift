import ArgumentParser

/// How the command ends when it does not end well: an exit status after sysexits(3), and a line on standard error.
enum Failure {
  /// The run showed errors.
  static let incomplete = ExitCode(1)
  /// The server cannot be reached, or this process lacks something.
  static let unavailable = ExitCode(69)
  static let output = ExitCode(74)

  /// Every status with its meaning, for the help and the manual.
  static let meanings: KeyValuePairs = [
    0: "done", incomplete.rawValue: "there were errors", ExitCode.validationFailure.rawValue: "wrong usage",
    unavailable.rawValue: "the server cannot be reached or the process lacks something",
    output.rawValue: "standard output cannot be written",
  ]

  static func unavailable(_ text: String) -> ExitCode {
    Output.complain(text)
    return unavailable
  }
}
