/// A session with a server as a text, a step a line. Pure: nothing is opened.
///
/// ```
/// # Log in, and ask for the score of somebody else.
/// send 10 token-${user}
/// expect 10 welcome ?{name}
/// other: send 10 token-guest
/// other: expect 10
/// send 20 score of ${name}
/// expect 20 ?{}
/// ```
struct Script: Equatable {
  enum Action: Equatable {
    case connect
    case send(UInt32, ScriptPattern)
    /// The next message of the id that has not been expected yet, and what its data must be like.
    case expect(UInt32, ScriptPattern?)
    /// Nothing comes in that time, of the id if there is one.
    case silence(Duration, UInt32?)
    /// The server ends the connection.
    case expectEnd
    case close
    case set(String, ScriptPattern)
    case sleep(Duration)
    /// How long what comes next waits.
    case timeout(Duration)
  }

  struct Step: Equatable {
    let line: Int
    /// Empty for the one without a name.
    let connection: String
    let action: Action
  }

  /// Everything that is wrong with a script, by line; with a column where it is a single byte.
  struct Mistakes: Error, Equatable { let lines: [(line: Int, column: Int?, text: String)] }

  private(set) var steps: [Step] = []

  /// - Parameters:
  ///   - bytes: Text in UTF-8. Lines end with LF, or as other systems end them with CR LF; columns count bytes, both from 1.
  ///   - variables: the names of those that are there from the beginning.
  ///
  /// Throws: ``Mistakes``.
  init(_ bytes: [UInt8], variables: Set<String>) throws(Mistakes) {
    var known = variables
    var mistakes: [(line: Int, column: Int?, text: String)] = []
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
      do throws(ScriptMistake) {
        let text = try ScriptLine.text(line, isFirst: index == 0)
        guard let (connection, action) = try Self.step(text.drop(while: \.isWhitespace)) else { continue }
        try Self.check(action, &known)
        steps.append(Step(line: index + 1, connection: connection, action: action))
      } catch { mistakes.append((index + 1, error.column, error.text)) }
    }
    if steps.isEmpty, mistakes.isEmpty { mistakes = [(1, nil, "there is no step")] }
    if !mistakes.isEmpty { throw Mistakes(lines: mistakes) }
  }

  init(_ text: String, variables: Set<String>) throws(Mistakes) { try self.init(Array(text.utf8), variables: variables) }

  static func isName(_ text: some StringProtocol) -> Bool {
    (1...40).contains(text.utf8.count) && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
  }

  /// A variable is set, or taken from a message, in a line above.
  private static func check(_ action: Action, _ known: inout Set<String>) throws(ScriptMistake) {
    let pattern: ScriptPattern? =
      switch action {
      case .send(_, let pattern), .set(_, let pattern): pattern
      case .expect(_, let pattern): pattern
      default: nil
      }
    if let missing = pattern?.variables.first(where: { !known.contains($0) }) {
      throw ScriptMistake(
        "there is no variable \(missing) yet: set it above, with --set \(missing)=…, or take it with ?{\(missing)}")
    }
    switch action {
    case .expect(_, let pattern?): known.formUnion(pattern.captures)
    case .send(_, let pattern), .set(_, let pattern):
      if pattern.hasCaptures { throw ScriptMistake("?{…} is for what is expected; write \\?{ for the text") }
      if case .set(let name, _) = action { known.insert(name) }
    default: break
    }
  }

  /// Nil for a line that says nothing.
  private static func step(_ line: Substring) throws(ScriptMistake) -> (String, Action)? {
    guard let first = line.first, first != "#" else { return nil }
    var rest = line
    var connection = ""
    if let colon = rest.firstIndex(of: ":"), isName(rest[..<colon]) {
      connection = String(rest[..<colon])
      rest = rest[rest.index(after: colon)...].drop(while: \.isWhitespace)
    }
    let word = takeWord(&rest)
    return (connection, try action(word, &rest))
  }

  private static func action(_ word: Substring, _ rest: inout Substring) throws(ScriptMistake) -> Action {
    switch word {
    case "connect": return try ended(.connect, rest)
    case "close": return try ended(.close, rest)
    case "expect-end": return try ended(.expectEnd, rest)
    case "send": return .send(try id(&rest), try data(rest) ?? ScriptPattern(bytes: []))
    case "send-hex", "expect-hex":
      let id = try id(&rest)
      guard let bytes = Bytes.parse(hex: trimmed(rest)) else {
        throw ScriptMistake("the data is pairs of the digits 0 to 9 and a to f")
      }
      return word == "send-hex" ? .send(id, ScriptPattern(bytes: bytes)) : .expect(id, ScriptPattern(bytes: bytes))
    case "expect": return .expect(try id(&rest), try data(rest))
    case "silence":
      let time = try seconds(&rest)
      return try rest.isEmpty ? .silence(time, nil) : ended(.silence(time, id(&rest)), rest)
    case "set":
      let name = takeWord(&rest)
      guard isName(name) else { throw ScriptMistake("set has a name of letters, digits and _, and a text") }
      return .set(String(name), try data(rest) ?? ScriptPattern(bytes: []))
    case "sleep": return try ended(.sleep(seconds(&rest)), rest)
    case "timeout": return try ended(.timeout(seconds(&rest)), rest)
    default:
      throw ScriptMistake(
        "\(word.prefix(40)): a step is connect, send, send-hex, expect, expect-hex, expect-end, silence, set, sleep, timeout or close"
      )
    }
  }

  private static func takeWord(_ rest: inout Substring) -> Substring {
    let word = rest.prefix { !$0.isWhitespace }
    rest = rest[word.endIndex...].drop(while: \.isWhitespace)
    return word
  }

  private static func id(_ rest: inout Substring) throws(ScriptMistake) -> UInt32 {
    guard let id = UInt32(takeWord(&rest)) else {
      throw ScriptMistake("the id of a message is a whole number from 0 to 4294967295")
    }
    return id
  }

  private static func seconds(_ rest: inout Substring) throws(ScriptMistake) -> Duration {
    guard let seconds = Double(takeWord(&rest)), (0.001...3600).contains(seconds) else {
      throw ScriptMistake("a time is a number of seconds from 0.001 to 3600")
    }
    return .seconds(seconds)
  }

  /// The rest of the line; in quotation marks where spaces at its ends count, or where it is empty. Nil where there is none.
  private static func data(_ rest: Substring) throws(ScriptMistake) -> ScriptPattern? {
    let text = trimmed(rest)
    guard !text.isEmpty else { return nil }
    guard text.first == "\"" else { return try ScriptPattern(text[...]) }
    guard text.count > 1, text.last == "\"", isClosed(text.dropFirst().dropLast()) else {
      throw ScriptMistake("text that begins with a quotation mark ends with one; write \\\" for the mark itself")
    }
    return try ScriptPattern(text.dropFirst().dropLast())
  }

  /// Whether no quotation mark inside is left without a backslash, and the last one is not behind one.
  private static func isClosed(_ text: Substring) -> Bool {
    var isEscaped = false
    for character in text {
      if !isEscaped, character == "\"" { return false }
      isEscaped = !isEscaped && character == "\\"
    }
    return !isEscaped
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }

  private static func ended(_ action: Action, _ rest: Substring) throws(ScriptMistake) -> Action {
    guard rest.allSatisfy(\.isWhitespace) else {
      throw ScriptMistake("\(trimmed(rest).prefix(40)): there is something behind the end")
    }
    return action
  }
}

extension Script.Mistakes {
  static func == (one: Self, other: Self) -> Bool { one.lines.elementsEqual(other.lines) { $0 == $1 } }
}
