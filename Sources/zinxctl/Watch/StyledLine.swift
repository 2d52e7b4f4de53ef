import Glibc

/// A line, and how it is to look where that can be shown.
struct StyledLine: Hashable {
  enum Style: Hashable {
    case plain
    /// The names of columns.
    case title
    /// The one that keys are about: shown also without colours.
    case selected
    case warning
    case dim
  }

  var text: String
  var style: Style

  init(_ text: String, _ style: Style = .plain) { (self.text, self.style) = (text, style) }

  /// With the sequences of ECMA-48. Of `text` nothing may be left that a terminal obeys.
  func rendered(colours: Bool) -> String {
    guard let code = code(colours) else { return text }
    return "\u{1B}[\(code)m\(text)\u{1B}[0m"
  }

  private func code(_ colours: Bool) -> String? {
    switch style {
    case .plain: nil
    case .selected: "7"
    case .title: colours ? "1;36" : "1"
    case .warning: colours ? "33" : nil
    case .dim: colours ? "90" : nil
    }
  }

  /// Whether a stream is a terminal that takes more than text.
  static func isShown(on descriptor: Int32) -> Bool { isatty(descriptor) == 1 && variable("TERM") != "dumb" }

  /// Whether that is to have colours: no-color.org.
  static var hasColours: Bool { variable("NO_COLOR").isEmpty }

  private static func variable(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }
}
