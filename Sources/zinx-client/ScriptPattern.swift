/// The data of a step: text with variables, `${name}`, and in what is expected places that take what is there, `?{name}`, or `?{}` for
/// what nobody wants to know.
struct ScriptPattern: Equatable {
  enum Part: Equatable {
    case bytes([UInt8])
    case variable(String)
    /// Takes bytes up to where the rest fits; without a name they are forgotten.
    case capture(String?)
  }

  private(set) var parts: [Part] = []

  var variables: [String] { parts.compactMap { if case .variable(let name) = $0 { name } else { nil } } }
  var captures: [String] { parts.compactMap { if case .capture(let name?) = $0 { name } else { nil } } }
  var hasCaptures: Bool { parts.contains { if case .capture = $0 { true } else { false } } }

  init(bytes: [UInt8]) { parts = [.bytes(bytes)] }

  /// Throws: what is wrong with the text.
  init(_ text: Substring) throws(ScriptMistake) {
    var rest = text
    var bytes: [UInt8] = []
    while let mark = rest.popFirst() {
      switch (mark, rest.first) {
      case ("\\", _): bytes.append(contentsOf: try Self.escaped(&rest))
      case ("$", "{"), ("?", "{"):
        if !bytes.isEmpty { parts.append(.bytes(bytes)) }
        bytes = []
        parts.append(try Self.place(mark, &rest))
      default: bytes.append(contentsOf: String(mark).utf8)
      }
    }
    if !bytes.isEmpty { parts.append(.bytes(bytes)) }
  }

  /// The bytes, with the variables in place. A variable that there is not is empty: the script was checked.
  func filled(_ variables: [String: [UInt8]]) -> [UInt8] {
    parts.flatMap { part in
      switch part {
      case .bytes(let bytes): bytes
      case .variable(let name): variables[name] ?? []
      case .capture: [UInt8]()
      }
    }
  }

  /// What the places take if the data fits; nil if it does not. Each takes as little as it can, the last one what is left.
  func match(_ data: [UInt8], _ variables: [String: [UInt8]]) -> [String: [UInt8]]? {
    var captured: [String: [UInt8]] = [:]
    var position = 0
    var open: (name: String?, start: Int)?
    for part in parts {
      if case .capture(let name) = part {
        // Of two places side by side the first takes nothing.
        if let name = open?.name { captured[name] = [] }
        open = (name, position)
        continue
      }
      let literal = filledPart(part, variables)
      let found =
        open == nil ? (data[position...].starts(with: literal) ? position : nil) : Self.find(literal, in: data, from: position)
      guard let found else { return nil }
      if let open, let name = open.name { captured[name] = Array(data[open.start..<found]) }
      open = nil
      position = found + literal.count
    }
    if let open {
      if let name = open.name { captured[name] = Array(data[open.start...]) }
    } else if position != data.count {
      return endsLater(data, variables)
    }
    return captured
  }

  /// The last fixed part may be there more than once: then the one at the end counts.
  private func endsLater(_ data: [UInt8], _ variables: [String: [UInt8]]) -> [String: [UInt8]]? {
    guard hasCaptures, let last = parts.last else { return nil }
    let literal = filledPart(last, variables)
    guard data.count >= literal.count, data.suffix(literal.count).elementsEqual(literal) else { return nil }
    var front = self
    front.parts.removeLast()
    guard case .capture? = front.parts.last else { return nil }
    return front.match(Array(data.dropLast(literal.count)), variables)
  }

  private func filledPart(_ part: Part, _ variables: [String: [UInt8]]) -> [UInt8] {
    switch part {
    case .bytes(let bytes): bytes
    case .variable(let name): variables[name] ?? []
    case .capture: []
    }
  }

  private static func find(_ literal: [UInt8], in data: [UInt8], from start: Int) -> Int? {
    guard data.count - start >= literal.count else { return nil }
    return (start...(data.count - literal.count)).first { data[$0...].starts(with: literal) }
  }

  private static func escaped(_ rest: inout Substring) throws(ScriptMistake) -> [UInt8] {
    switch rest.popFirst() {
    case "n": return [UInt8(ascii: "\n")]
    case "r": return [UInt8(ascii: "\r")]
    case "t": return [UInt8(ascii: "\t")]
    case "\\": return [UInt8(ascii: "\\")]
    case "\"": return [UInt8(ascii: "\"")]
    case "$": return [UInt8(ascii: "$")]
    case "?": return [UInt8(ascii: "?")]
    case "x":
      let digits = rest.prefix(2)
      guard let bytes = Bytes.parse(hex: String(digits)), bytes.count == 1 else { break }
      rest = rest.dropFirst(2)
      return bytes
    default: break
    }
    throw ScriptMistake(#"behind \ there is n, r, t, \, ", $, ? or x with two hexadecimal digits"#)
  }

  private static func place(_ mark: Character, _ rest: inout Substring) throws(ScriptMistake) -> Part {
    guard let end = rest.firstIndex(of: "}") else { throw ScriptMistake("\(mark){ has no }") }
    let name = String(rest[..<end].dropFirst())
    rest = rest[rest.index(after: end)...]
    if mark == "?", name.isEmpty { return .capture(nil) }
    guard Script.isName(name) else { throw ScriptMistake("a variable has a name of letters, digits and _, as in \(mark){name}") }
    return mark == "?" ? .capture(name) : .variable(name)
  }
}

/// What is wrong with a line of a script, in words.
struct ScriptMistake: Error, Equatable {
  let text: String
  init(_ text: String) { self.text = text }
}
