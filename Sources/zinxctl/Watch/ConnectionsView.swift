import ZinxControl

/// `connections --watch`: as many connections as fit, in an order and by a filter that keys change.
struct ConnectionsView: WatchView {
  enum Mode: Hashable {
    case list
    /// A filter is being written.
    case filter(String)
    /// Whether this one is to be closed.
    case close(UInt64, peer: String)
  }

  /// Lines that are none of the table's rows: the headline, order and filter, the titles, and the keys.
  private static let frame = 4

  private(set) var filter: Filter?
  private(set) var order: FieldOrder
  private(set) var mode = Mode.list
  /// The connection that keys are about.
  private(set) var selected: UInt64?
  /// Its place among the rows that are shown.
  private var place = 0
  /// The first row that is shown.
  private var top = 0
  private var rows: [JSON] = []
  private var headline = WatchHeadline()
  var size = ScreenSize()
  var note = ""

  init(filter: Filter?, order: FieldOrder) { (self.filter, self.order) = (filter, order) }

  private var page: Int { max(1, size.rows - Self.frame) }
  private var visible: ArraySlice<JSON> { rows.dropFirst(top).prefix(page) }
  private var hasMore: Bool { rows.count > top + page }

  /// One more than is shown, to know whether there is one.
  var requests: [ControlRequest.Command] {
    [.status, .connections(.init(filter: filter, order: order, limit: top + page + 1))]
  }

  mutating func took(_ answers: [JSON]) {
    guard answers.count == 2 else { return }
    headline.took(answers[0])
    rows = answers[1]["connections"]?.array ?? []
    // The rest may have gone meanwhile.
    if top >= rows.count { top = max(0, (rows.count - 1) / page * page) }
    keepSelection()
  }

  /// The same connection wherever it is now; of one that is shown no more the place.
  private mutating func keepSelection() {
    if let index = visible.firstIndex(where: { Self.id($0) == selected }) {
      place = index - top
    } else {
      place = max(0, min(place, visible.count - 1))
      selected = visible.isEmpty ? nil : Self.id(visible[top + place])
    }
  }

  private static func id(_ row: JSON) -> UInt64? { row["id"]?.integer.flatMap { UInt64(exactly: $0) } }

  // MARK: Keys

  mutating func press(_ key: Key) -> WatchAction {
    switch mode {
    case .list:
      note = ""
      return pressInList(key)
    case .filter(let text): return pressInFilter(key, text)
    case .close(let id, _):
      mode = .list
      guard key == .character("y") || key == .character("Y") else {
        note = "nothing was closed"
        return .none
      }
      return .close(id)
    }
  }

  private mutating func pressInList(_ key: Key) -> WatchAction {
    switch key {
    case .up, .character("k"): return move(by: -1)
    case .down, .character("j"): return move(by: 1)
    case .pageUp, .character("b"): return turn(to: top - page)
    case .pageDown, .character(" "), .character("f"): return hasMore ? turn(to: top + page) : .none
    case .home, .character("g"): return turn(to: 0)
    case .left, .character("<"): return sort(by: -1)
    case .right, .character(">"): return sort(by: 1)
    case .character("r"):
      order.isDescending.toggle()
      return turn(to: 0)
    case .character("/"): mode = .filter(filter?.text ?? "")
    case .character("x"): askToClose()
    case .character("q"): return .quit
    default: break
    }
    return .none
  }

  private mutating func move(by step: Int) -> WatchAction {
    let wanted = place + step
    if wanted < 0 {
      guard top > 0 else { return .none }
      top -= 1
    } else if wanted >= visible.count {
      guard hasMore else { return .none }
      top += 1
    } else {
      place = wanted
    }
    selected = visible.isEmpty ? nil : Self.id(visible[min(top + place, visible.endIndex - 1)])
    return .look
  }

  private mutating func turn(to row: Int) -> WatchAction {
    top = max(0, row)
    // What stands there is not known yet.
    selected = nil
    return .look
  }

  private mutating func sort(by step: Int) -> WatchAction {
    let fields = ConnectionsCommand.fields
    let index = fields.firstIndex(of: order.field) ?? 0
    order.field = fields[(index + step + fields.count) % fields.count]
    return turn(to: 0)
  }

  private mutating func askToClose() {
    guard let selected, let row = visible.first(where: { Self.id($0) == selected }) else { return }
    mode = .close(selected, peer: row["peer"]?.string ?? "")
  }

  private mutating func pressInFilter(_ key: Key, _ text: String) -> WatchAction {
    switch key {
    case .character(let character): mode = .filter(text + String(character))
    case .backspace: mode = .filter(String(text.dropLast()))
    case .escape:
      mode = .list
      note = ""
    case .enter: return take(filter: text)
    default: break
    }
    return .none
  }

  private mutating func take(filter text: String) -> WatchAction {
    do throws(ControlError) { filter = text.allSatisfy(\.isWhitespace) ? nil : try Filter(text) } catch {
      // It stays to be mended.
      note = "\(error)"
      return .none
    }
    mode = .list
    note = ""
    return turn(to: 0)
  }

  // MARK: Screen

  var lines: [StyledLine] {
    let table = ConnectionsCommand.table.lines(Array(visible))
    var lines = [headline.line, state, StyledLine(table[0], .title)]
    for (row, text) in zip(visible, table.dropFirst()) {
      let id = Self.id(row)
      lines.append(StyledLine(text, id == selected ? .selected : Self.style(row)))
    }
    while lines.count < size.rows - 1 { lines.append(StyledLine("")) }
    return Array(lines.prefix(max(0, size.rows - 1))) + [bottom]
  }

  private static func style(_ row: JSON) -> StyledLine.Style {
    if row["ending"]?.bool == true { return .dim }
    return (row["queued"]?.integer ?? 0) > 0 ? .warning : .plain
  }

  /// `by -received, from 21, where idle > 5m`.
  private var state: StyledLine {
    let parts = [
      "by \(order.text)", "from \(visible.isEmpty ? 0 : top + 1)", filter.map { "where \(shown($0.text))" },
      hasMore ? "more below" : nil,
    ]
    return StyledLine(parts.compactMap(\.self).joined(separator: ", "), .dim)
  }

  private var bottom: StyledLine {
    switch mode {
    case .filter(let text): StyledLine("where: \(shown(text))_" + (note.isEmpty ? "" : "   \(shown(note))"))
    case .close(let id, let peer): StyledLine("Close connection \(id) of \(shown(peer))? [y/N]", .warning)
    case .list where !note.isEmpty: StyledLine(shown(note), .warning)
    case .list:
      StyledLine("q quit  \u{2191}\u{2193} select  space/b page  \u{2190}\u{2192} order  r reverse  / filter  x close", .dim)
    }
  }
}
