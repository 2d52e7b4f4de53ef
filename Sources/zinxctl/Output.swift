import ArgumentParser
import Glibc
import ZinxControl
import ZinxIO

/// Writes to the two standard outputs.
enum Output {
  /// Prints lines, of which nothing makes a terminal do anything, whoever has written what is in them.
  static func print(_ lines: [String]) { print(lines.map(shown).joined(separator: "\n")) }

  /// The same, with their looks on a terminal.
  static func print(styled lines: [StyledLine]) {
    guard !lines.isEmpty else { return }
    let isShown = StyledLine.isShown(on: STDOUT_FILENO) && StyledLine.hasColours
    print(
      lines.map { line in
        let text = shown(line.text)
        return isShown ? StyledLine(text, line.style).rendered(colours: true) : text
      }.joined(separator: "\n"))
  }

  /// Ends the process when it cannot be written: nobody would get what was asked for.
  private static func print(_ text: String) {
    do { try Program.print(text + "\n") } catch {
      complain("\(error). What was asked for is not all there.")
      exit(Failure.output.rawValue)
    }
  }

  /// A line.
  static func complain(_ text: String) { write("zinxctl: \(shown(text))\n") }

  /// Ends the process as the command line wants it: with its help, or with what is wrong with it.
  static func end(_ error: any Error) -> Never {
    let (text, status) = (Zinxctl.fullMessage(for: error), Zinxctl.exitCode(for: error))
    if !text.isEmpty { if status.isSuccess { print(text) } else { write(text + "\n") } }
    exit(status.rawValue)
  }

  /// A line in place of the one before, on a terminal; an empty one takes it away.
  static func progress(_ text: String) { write("\r\(shown(text))\u{1B}[K") }

  private static func write(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = retryingOnInterrupt { bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) } }
      if count < 0 { return }
      bytes = bytes.dropFirst(count)
    }
  }

  /// Asks somebody at a terminal. What is not yes is no.
  static func ask(_ question: String) -> Bool {
    write("\(shown(question)) [y/N] ")
    let answer = readLine()?.lowercased()
    return answer == "y" || answer == "yes"
  }
}
