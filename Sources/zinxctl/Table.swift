import ZinxControl

/// Values in columns, for people.
struct Table {
  struct Column {
    var title: String
    /// The key of the JSON.
    var key: String
    var isRight: Bool
    /// A large number as a short one: `12.3M`.
    var isAmount: Bool

    init(_ title: String, _ key: String, right isRight: Bool = false, amount isAmount: Bool = false) {
      (self.title, self.key, self.isRight, self.isAmount) = (title, key, isRight || isAmount, isAmount)
    }

    func text(_ value: JSON) -> String {
      if isAmount, let number = value.integer { return Table.amount(number) }
      return Table.text(value, of: key)
    }
  }

  let columns: [Column]

  init(_ columns: [Column]) { self.columns = columns }

  /// The lines, the first one with the titles.
  func lines(_ rows: [JSON]) -> [String] {
    let cells = [columns.map(\.title)] + rows.map { row in columns.map { $0.text(row[$0.key] ?? nil) } }
    let sizes = cells.map { $0.map(Self.size) }
    let widths = columns.indices.map { column in sizes.map { $0[column] }.max() ?? 0 }
    return zip(cells, sizes).map { row, sizes in
      var line = ""
      for index in row.indices {
        let space = String(repeating: " ", count: widths[index] - sizes[index])
        if index > 0 { line += "  " }
        line += columns[index].isRight ? space + row[index] : row[index] + space
      }
      while line.utf8.last == UInt8(ascii: " ") { line.unicodeScalars.removeLast() }
      return line
    }
  }

  /// How wide a text is. Of ASCII, which nearly all is, that costs no look at what its characters are made of.
  private static func size(_ text: String) -> Int { text.utf8.allSatisfy { $0 < 0x80 } ? text.utf8.count : text.count }

  /// A value as a cell: harmless in a terminal, whatever a peer has made of its name.
  static func text(_ value: JSON, of key: String) -> String {
    switch value {
    case .null: return "-"
    case .bool(let flag): return flag ? "yes" : "no"
    case .string(let text): return shown(text)
    case .array(let elements): return elements.isEmpty ? "-" : elements.map { text($0, of: key) }.joined(separator: ",")
    case .object(let members):
      return members.isEmpty ? "-" : members.map { "\(shown($0.key)) \(text($0.value, of: $0.key))" }.joined(separator: ", ")
    case .integer, .number:
      if key.hasSuffix("Seconds"), let seconds = value.number { return duration(seconds) }
      return value.description
    }
  }

  /// `9999`, `10.0k`, `12.3M`, `1.2G`: three digits or four.
  static func amount(_ number: Int64) -> String {
    guard number >= 10_000 else { return "\(number)" }
    var (value, unit) = (Double(number) / 1000, 0)
    while value >= 999.95, unit < 5 { (value, unit) = (value / 1000, unit + 1) }
    let tenths = Int64((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)\(["k", "M", "G", "T", "P", "E"][unit])"
  }

  /// `12µs`, `1.4ms`, `250ms`, `42s`, `3m05s`, `2h07m`, `5d03h`.
  static func duration(_ seconds: Double) -> String {
    let whole = Int(exactly: min(seconds, 9e15).rounded(.down)) ?? 0
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    switch whole {
    case ..<1: return fraction(seconds)
    case ..<60: return "\(whole)s"
    case ..<3600: return "\(whole / 60)m\(two(whole % 60))s"
    case ..<86400: return "\(whole / 3600)h\(two(whole % 3600 / 60))m"
    default: return "\(whole / 86400)d\(two(whole % 86400 / 3600))h"
    }
  }

  private static func fraction(_ seconds: Double) -> String {
    let micros = Int((seconds * 1e6).rounded())
    switch micros {
    case 1..<1000: return "\(micros)\u{B5}s"
    case 1000..<10_000 where micros % 1000 >= 50 && micros % 1000 < 950:
      let tenths = Int((Double(micros) / 100).rounded())
      return "\(tenths / 10).\(tenths % 10)ms"
    default: return "\(Int((seconds * 1000).rounded()))ms"
    }
  }

  /// Members one below the other, names in one column.
  static func pairs(_ value: JSON) -> [String] {
    let members = value.members ?? []
    let width = members.map(\.key.count).max() ?? 0
    return members.flatMap { member -> [String] in
      let name = member.key + String(repeating: " ", count: width - member.key.count)
      if case .array(let elements) = member.value, elements.contains(where: { $0.members != nil }) {
        return elements.enumerated().map { index, element in
          (index == 0 ? name : String(repeating: " ", count: width)) + "  " + text(element, of: member.key)
        }
      }
      return ["\(name)  \(text(member.value, of: member.key))"]
    }
  }
}
