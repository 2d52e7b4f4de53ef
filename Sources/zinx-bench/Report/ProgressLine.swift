import Glibc

/// Shows progress on standard error: one line that is written over again on a terminal, a line each time elsewhere.
struct ProgressLine {
  private let isQuiet: Bool
  private let isTerminal: Bool
  private var isDirty = false

  init(isQuiet: Bool) {
    self.isQuiet = isQuiet
    isTerminal = isatty(STDERR_FILENO) == 1
  }

  mutating func show(_ text: @autoclosure () -> String) {
    guard !isQuiet else { return }
    Output.write(isTerminal ? "\r\(text())\u{1b}[K" : text() + "\n")
    isDirty = isTerminal
  }

  /// Takes the line off a terminal, before something else is written there.
  mutating func clear() {
    if isDirty { Output.write("\r\u{1b}[K") }
    isDirty = false
  }
}
