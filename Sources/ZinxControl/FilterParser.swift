/// Reads a filter: see ``Filter`` for its grammar.
struct FilterParser {
  /// Parentheses and `!` within each other; bounds the recursion.
  private static let maximumDepth = 32
  /// Words and signs; bounds the time that a filter takes of each connection, and the recursion of chains.
  private static let maximumTokens = 256

  private let tokens: [(token: FilterToken, place: Int)]
  private var index = 0
  private var depth = 0

  init(_ text: String) throws(ControlError) {
    tokens = try FilterToken.read(text)
    guard tokens.count <= Self.maximumTokens else {
      throw ControlError(.badFilter, "the filter has more than \(Self.maximumTokens) words")
    }
  }

  mutating func parse() throws(ControlError) -> Filter.Node {
    let node = try expression()
    guard index == tokens.count else { throw unexpected("&& or ||") }
    return node
  }

  private var next: FilterToken? { index < tokens.count ? tokens[index].token : nil }

  private func unexpected(_ wanted: String) -> ControlError {
    let place = index < tokens.count ? "character \(tokens[index].place)" : "the end"
    return ControlError(.badFilter, "the filter wants \(wanted) at \(place)")
  }

  private mutating func skip(_ token: FilterToken) -> Bool {
    guard next == token else { return false }
    index += 1
    return true
  }

  private mutating func expression() throws(ControlError) -> Filter.Node {
    var node = try conjunction()
    while skip(.or) { node = .or(node, try conjunction()) }
    return node
  }

  private mutating func conjunction() throws(ControlError) -> Filter.Node {
    var node = try negation()
    while skip(.and) { node = .and(node, try negation()) }
    return node
  }

  private mutating func negation() throws(ControlError) -> Filter.Node {
    guard depth < Self.maximumDepth else { throw ControlError(.badFilter, "the filter is nested too deep") }
    depth += 1
    defer { depth -= 1 }
    if skip(.not) { return .not(try negation()) }
    guard skip(.open) else { return try comparison() }
    let node = try expression()
    guard skip(.close) else { throw unexpected("\")\"") }
    return node
  }

  private mutating func comparison() throws(ControlError) -> Filter.Node {
    guard case .word(let name)? = next else { throw unexpected("a field") }
    guard let field = Field(named: name) else { throw ControlError.unknown(name) }
    index += 1
    if skip(.word("in")) { return .within(field, try network(field)) }
    guard case .comparison(let comparison)? = next else {
      guard [.flag, .text, .texts].contains(field.kind) || field == .worker else { throw unexpected("a comparison") }
      return .has(field)
    }
    index += 1
    let operand = try operand(of: field, comparison)
    return .compare(field, comparison, operand)
  }

  private mutating func network(_ field: Field) throws(ControlError) -> IPNetwork {
    guard field.kind == .address else { throw ControlError(.badFilter, "only peer can be in a network") }
    guard case .word(let text)? = next, let network = IPNetwork(text) else {
      throw unexpected("a network such as 10.0.0.0/8")
    }
    index += 1
    return network
  }

  private mutating func operand(of field: Field, _ comparison: Filter.Comparison) throws(ControlError) -> Filter.Operand {
    let isEquality = comparison == .equal || comparison == .notEqual
    if isEquality, skip(.word("none")) { return .none }
    switch field.kind {
    case .flag: throw ControlError(.badFilter, "\(field.rawValue) is true or not: write \(field.rawValue) or !\(field.rawValue)")
    case .texts where !isEquality: throw ControlError(.badFilter, "\(field.rawValue) can be compared by == and != alone")
    case .text, .texts, .address: return .text(try text())
    case .number:
      guard case .word(let word)? = next else { throw unexpected("a number") }
      let isTime = field == .ageSeconds || field == .idleSeconds
      guard let number = Double(exactly: word) ?? (isTime ? Self.duration(word) : nil) else {
        throw unexpected(isTime ? "seconds, or a duration such as 5m" : "a number")
      }
      index += 1
      return .number(number)
    }
  }

  private mutating func text() throws(ControlError) -> String {
    switch next {
    case .word(let text)?, .quoted(let text)?:
      index += 1
      return text
    default: throw unexpected("a text")
    }
  }

  private static let units: KeyValuePairs = ["ms": 0.001, "s": 1.0, "m": 60, "h": 3600, "d": 86400]

  /// `1h30m` in seconds; nil for what is none.
  static func duration(_ text: String) -> Double? {
    var rest = text[...]
    var sum = 0.0
    repeat {
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isASCII && $0.isLetter }
      rest = rest.dropFirst(unit.count)
      guard let number = Double(exactly: String(digits)), let factor = units.first(where: { $0.key == unit })?.value else {
        return nil
      }
      sum += number * factor
    } while !rest.isEmpty
    return sum
  }
}

extension Double {
  /// Digits with at most one point: not what else `Double` takes for a number, as `nan` and `0x1p3`.
  fileprivate init?(exactly word: String) {
    guard !word.isEmpty, word.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }),
      let number = Double(word)
    else {
      return nil
    }
    self = number
  }
}
