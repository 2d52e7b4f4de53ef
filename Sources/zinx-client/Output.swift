import Glibc

/// Writes lines to the two standard outputs, each in one piece as soon as it is there.
enum Output {
  static func line(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

  static func complain(_ text: String) { write("zinx-client: \(text)\n", to: STDERR_FILENO) }

  private static func write(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        return
      }
      bytes = bytes.dropFirst(count)
    }
  }

  /// Whether colours are welcome: a terminal, and nobody said no (no-color.org).
  static var hasColour: Bool {
    isatty(STDOUT_FILENO) == 1 && environment("NO_COLOR").isEmpty && environment("TERM") != "dumb"
  }

  private static func environment(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }
}
