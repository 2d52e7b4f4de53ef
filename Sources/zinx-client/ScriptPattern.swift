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
    // Not by characters: a mark that is put on a backslash does not change what that means.
    var rest = text.unicodeScalars
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
  ///
  /// Where a fixed part fits first leaves the most room for those behind it, and the last one fits at the end or nowhere: so none is ever
  /// tried twice.
  func match(_ data: [UInt8], _ variables: [String: [UInt8]]) -> [String: [UInt8]]? {
    let (first, places) = pieces(variables)
    guard data.starts(with: first) else { return nil }
    var captured: [String: [UInt8]] = [:]
    var position = first.count
    for (index, place) in places.enumerated() {
      var found: Int?
      if index == places.count - 1 {
        let rest = data.count - place.fixed.count
        if rest >= position, data[rest...].elementsEqual(place.fixed) { found = rest }
      } else {
        found = Self.find(place.fixed, in: data, from: position)
      }
      guard let found else { return nil }
      if let name = place.name { captured[name] = Array(data[position..<found]) }
      position = found + place.fixed.count
    }
    return position == data.count ? captured : nil
  }

  /// The bytes in front, and each place with the bytes that are fixed behind it.
  private func pieces(_ variables: [String: [UInt8]]) -> (first: [UInt8], places: [(name: String?, fixed: [UInt8])]) {
    var first: [UInt8] = []
    var places: [(name: String?, fixed: [UInt8])] = []
    for part in parts {
      let fixed: [UInt8]
      switch part {
      case .capture(let name):
        places.append((name, []))
        continue
      case .bytes(let bytes): fixed = bytes
      case .variable(let name): fixed = variables[name] ?? []
      }
      if places.isEmpty { first += fixed } else { places[places.count - 1].fixed += fixed }
    }
    return (first, places)
  }

  private static func find(_ literal: [UInt8], in data: [UInt8], from start: Int) -> Int? {
    guard data.count - start >= literal.count else { return nil }
    return (start...(data.count - literal.count)).first { data[$0...].starts(with: literal) }
  }

  private static func escaped(_ rest: inout Substring.UnicodeScalarView) throws(ScriptMistake) -> [UInt8] {
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
      guard let bytes = Bytes.parse(hex: String(Substring(digits))), bytes.count == 1 else { break }
      rest = rest.dropFirst(2)
      return bytes
    default: break
    }
    throw ScriptMistake(#"behind \ there is n, r, t, \, ", $, ? or x with two hexadecimal digits"#)
  }

  private static func place(_ mark: Unicode.Scalar, _ rest: inout Substring.UnicodeScalarView) throws(ScriptMistake) -> Part {
    guard let end = rest.firstIndex(of: "}") else { throw ScriptMistake("\(mark){ has no }") }
    let name = String(Substring(rest[..<end].dropFirst()))
    rest = rest[rest.index(after: end)...]
    if mark == "?", name.isEmpty { return .capture(nil) }
    guard Script.isName(name) else { throw ScriptMistake("a variable has a name of letters, digits and _, as in \(mark){name}") }
    return mark == "?" ? .capture(name) : .variable(name)
  }
}

/// What is wrong with a line of a script, in words.
struct ScriptMistake: Error, Equatable {
  let text: String
  /// The byte of the line, from 1, if it is a single one.
  let column: Int?

  init(_ text: String, column: Int? = nil) { (self.text, self.column) = (text, column) }
}
