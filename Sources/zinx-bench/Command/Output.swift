import ArgumentParser
import Glibc
import ZinxIO

/// Writes to the two standard outputs, each time in one piece and at once.
enum Output {
  /// Ends the process when the line cannot be written: nobody would get what was measured.
  static func line(_ text: String) {
    do { try Program.print(text + "\n") } catch {
      complain("\(error). What was asked for is not all there.")
      exit(Failure.output.rawValue)
    }
  }

  static func complain(_ text: String) { write("zinx-bench: \(text)\n") }

  /// Ends the process as the command line wants it: with its help, or with what is wrong with it.
  static func end(_ error: any Error) -> Never {
    let (text, status) = (ZinxBenchCommand.fullMessage(for: error), ZinxBenchCommand.exitCode(for: error))
    if !text.isEmpty { if status.isSuccess { line(text) } else { write(text + "\n") } }
    exit(status.rawValue)
  }

  /// To standard error.
  static func write(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = retryingOnInterrupt { bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) } }
      if count < 0 { return }
      bytes = bytes.dropFirst(count)
    }
  }
}
