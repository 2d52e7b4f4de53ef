import Glibc
import ZinxIO

/// The terminal while a program has its whole screen and all of its keys. What it was before comes back with ``leave()``, which has to be
/// called on every way out. The main thread.
struct Terminal {
  /// The other screen, no cursor, and lines that end at the edge.
  private static let begin = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l\u{1B}[2J"
  private static let end = "\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

  private let before: termios
  private let colours = StyledLine.hasColours

  /// Nil where standard input and output are no terminal.
  init?() {
    var settings = termios()
    guard StyledLine.isShown(on: STDOUT_FILENO), tcgetattr(STDIN_FILENO, &settings) == 0 else { return nil }
    before = settings
  }

  func enter() throws {
    var settings = before
    // Each key as it comes. Signals stay the terminal's: Ctrl-C and Ctrl-Z work as everywhere.
    settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
    settings.c_iflag &= ~tcflag_t(IXON)
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
    try Program.print(Self.begin)
  }

  func leave() {
    try? Program.print(Self.end)
    var settings = before
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
  }

  var size: ScreenSize {
    var window = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 else { return ScreenSize() }
    return ScreenSize(columns: Int(window.ws_col), rows: Int(window.ws_row))
  }

  /// Writes over what is there: a screen that is wiped first flickers.
  func draw(_ lines: [StyledLine], _ size: ScreenSize) throws {
    let texts = lines.prefix(size.rows).map { line in
      StyledLine(String(line.text.prefix(size.columns)), line.style).rendered(colours: colours) + "\u{1B}[K"
    }
    try Program.print("\u{1B}[H" + texts.joined(separator: "\r\n") + "\u{1B}[J")
  }

  /// What keys have sent; nil at the end of the terminal.
  func read() -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = retryingOnInterrupt { bytes.withUnsafeMutableBytes { Glibc.read(STDIN_FILENO, $0.baseAddress, $0.count) } }
    return count > 0 ? Array(bytes.prefix(count)) : nil
  }
}
