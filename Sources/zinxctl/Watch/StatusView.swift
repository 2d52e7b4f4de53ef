import ZinxControl

/// `status --watch`: all there is to say of the daemon, one below the other.
struct StatusView: WatchView {
  /// The headline, and the keys.
  private static let frame = 2

  private var headline = WatchHeadline()
  private var pairs: [String] = []
  private var top = 0
  var size = ScreenSize()
  var note = ""

  let requests: [ControlRequest.Command] = [.status]

  private var page: Int { max(1, size.rows - Self.frame) }

  mutating func took(_ answers: [JSON]) {
    guard let status = answers.first else { return }
    headline.took(status)
    pairs = Table.pairs(status)
  }

  mutating func press(_ key: Key) -> WatchAction {
    switch key {
    case .up, .character("k"): scroll(by: -1)
    case .down, .character("j"): scroll(by: 1)
    case .pageUp, .character("b"): scroll(by: -page)
    case .pageDown, .character(" "), .character("f"): scroll(by: page)
    case .home, .character("g"): top = 0
    case .character("q"): return .quit
    default: break
    }
    return .none
  }

  private mutating func scroll(by lines: Int) { top = max(0, min(top + lines, pairs.count - page)) }

  var lines: [StyledLine] {
    var lines = [headline.line] + pairs.dropFirst(min(top, max(0, pairs.count - page))).prefix(page).map { StyledLine($0) }
    while lines.count < size.rows - 1 { lines.append(StyledLine("")) }
    let bottom = note.isEmpty ? StyledLine("q quit  \u{2191}\u{2193} space/b scroll", .dim) : StyledLine(shown(note), .warning)
    return Array(lines.prefix(max(0, size.rows - 1))) + [bottom]
  }
}
