import ZinxControl

/// A part of a trace, for people and for programs.
enum TraceText {
  /// Bytes of data in a line.
  private static let width = 16

  /// A line with the header of each message, and its data below.
  ///
  /// - Parameter clock: a time of day for seconds of Unix time.
  static func lines(_ part: JSON, clock: (Double) -> String) -> [String] {
    var lines: [String] = []
    if let count = part["traced"]?.integer { lines.append("traces \(Words.connections(count))") }
    for message in part["messages"]?.array ?? [] {
      let length = message["length"]?.integer ?? 0
      let id = message["msgId"]?.integer.map { "id \($0), " } ?? ""
      let (connection, direction) = (message["connection"]?.integer ?? 0, message["direction"]?.string == "in" ? "in " : "out")
      lines.append("\(clock(message["at"]?.number ?? 0))  \(connection)  \(direction)  \(id)\(length) bytes")
      let data = message["data"]?.string.flatMap { Hex.bytes($0) } ?? []
      lines += dump(data)
      if data.count < length { lines.append("  \u{2026} \(length - Int64(data.count)) more") }
    }
    if let count = part["leftOut"]?.integer, count > 0 {
      lines.append("-- \(count) messages left out: more came than is shown in a second")
    }
    if let end = part["end"] { lines.append(self.end(end)) }
    return lines
  }

  private static func end(_ end: JSON) -> String {
    let reason =
      switch end["reason"]?.string {
      case "time": "its time is over"
      case "count": "as many as were asked for"
      case "ended": "nobody is left"
      default: "ended"
      }
    let leftOut = end["leftOut"]?.integer ?? 0
    let rest = leftOut > 0 ? ", \(leftOut) left out" : ""
    return "-- \(reason): \(end["messages"]?.integer ?? 0) messages shown\(rest)"
  }

  /// `0000  68 65 6c 6c 6f  hello`: what a terminal would obey is a point.
  static func dump(_ data: [UInt8]) -> [String] {
    stride(from: 0, to: data.count, by: width).map { start in
      let row = data[start..<min(start + width, data.count)]
      let digits = row.map { Hex.text([$0]) }.joined(separator: " ")
      let space = String(repeating: " ", count: 3 * width - 1 - digits.count)
      let text = row.map { (0x20..<0x7F).contains($0) ? String(UnicodeScalar($0)) : "." }.joined()
      return "  \(offset(start))  \(digits)\(space)  \(text)"
    }
  }

  private static func offset(_ number: Int) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  /// A value for each message, for each gap, and for the end.
  static func json(_ part: JSON) -> [String] {
    var lines = (part["messages"]?.array ?? []).map(\.description)
    if let count = part["leftOut"]?.integer, count > 0 {
      let gap: JSON = ["leftOut": .integer(count)]
      lines.append(gap.description)
    }
    if let end = part["end"] {
      let last: JSON = ["end": end]
      lines.append(last.description)
    }
    return lines
  }
}
