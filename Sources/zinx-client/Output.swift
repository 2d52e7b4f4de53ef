import ArgumentParser
import Glibc
import ZinxIO

/// Writes lines to the two standard outputs, each in one piece as soon as it is there.
enum Output {
  /// Ends the process when the line cannot be written: nobody would get what was asked for.
  static func line(_ text: String) {
    do { try Program.print(text + "\n") } catch {
      complain("\(error). What was asked for is not all there.")
      exit(Failure.output.rawValue)
    }
  }

  static func complain(_ text: String) { write("zinx-client: \(text)\n") }

  /// Ends the process as the command line wants it: with its help, or with what is wrong with it.
  static func end(_ error: any Error) -> Never {
    let (text, status) = (ZinxClientCommand.fullMessage(for: error), ZinxClientCommand.exitCode(for: error))
    if !text.isEmpty { if status.isSuccess { line(text) } else { write(text + "\n") } }
    exit(status.rawValue)
  }

  /// To standard error.
  private static func write(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = retryingOnInterrupt { bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) } }
      if count < 0 { return }
      bytes = bytes.dropFirst(count)
    }
  }

  /// Whether colours are welcome: a terminal, and nobody said no (no-color.org).
  static var hasColour: Bool {
    isatty(STDOUT_FILENO) == 1 && environment("NO_COLOR").isEmpty && environment("TERM") != "dumb"
  }

  private static func environment(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }
}
