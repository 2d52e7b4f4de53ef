/// An expression over the fields of a connection, which is true of it or not: `idle > 5m && peer in 10.0.0.0/8 && !(user == "u42")`.
///
///     expression = and *( "||" and )          comparison = field ( "==" / "!=" / "<" / "<=" / ">" / ">=" ) value
///     and        = not *( "&&" not )                     / field "in" network        a peer of IP
///     not        = "!" not / "(" expression ")"          / field                     a flag, or a text that is there
///                / comparison                 value      = number / duration / text / "none"
///
/// Durations are numbers with units, `90s`, `5m`, `1h30m`, `250ms`, `2d`. Texts need quotes where they are no word of letters, digits and
/// `_.-:/@`. What a connection has not is neither equal to any value, nor less, nor greater; `user == none` asks for it.
package struct Filter: Sendable, Hashable {
  indirect enum Node: Sendable, Hashable {
    case or(Node, Node)
    case and(Node, Node)
    case not(Node)
    case compare(Field, Comparison, Operand)
    case within(Field, IPNetwork)
    /// A flag that is set, or a text that is there.
    case has(Field)
  }

  enum Comparison: String, Sendable, Hashable, CaseIterable {
    case equal = "=="
    case notEqual = "!="
    case lessOrEqual = "<="
    case greaterOrEqual = ">="
    case less = "<"
    case greater = ">"
  }

  enum Operand: Sendable, Hashable {
    case number(Double)
    case text(String)
    case none
  }

  /// As it was written.
  package let text: String
  private let root: Node

  /// Throws: ``ControlError`` with ``ControlError/Code/badFilter``, which says what is expected where.
  package init(_ text: String) throws(ControlError) {
    var parser = try FilterParser(text)
    root = try parser.parse()
    self.text = text
  }

  /// Whether it is true of a connection; `value` says what that has in a field, and is asked for those that matter alone.
  package func matches(_ value: (Field) -> FieldValue) -> Bool { Self.holds(root, value) }

  private static func holds(_ node: Node, _ value: (Field) -> FieldValue) -> Bool {
    switch node {
    case .or(let one, let other): return holds(one, value) || holds(other, value)
    case .and(let one, let other): return holds(one, value) && holds(other, value)
    case .not(let inner): return !holds(inner, value)
    case .has(let field): return isThere(value(field))
    case .within(let field, let network):
      guard case .address(_, let number?) = value(field) else { return false }
      return network.contains(number)
    case .compare(let field, let comparison, .none): return isThere(value(field)) == (comparison == .notEqual)
    case .compare(let field, let comparison, .number(let wanted)):
      guard case .number(let number?) = value(field) else { return false }
      return holds(comparison, number, wanted)
    case .compare(let field, let comparison, .text(let wanted)):
      switch value(field) {
      case .text(let text?): return holds(comparison, text, wanted)
      case .address(let text, _): return holds(comparison, text, wanted)
      // One of several: to be unequal is not to be among them.
      case .texts(let texts): return texts.contains(wanted) == (comparison == .equal)
      default: return false
      }
    }
  }

  private static func holds<T: Comparable>(_ comparison: Comparison, _ one: T, _ other: T) -> Bool {
    switch comparison {
    case .equal: one == other
    case .notEqual: one != other
    case .lessOrEqual: one <= other
    case .greaterOrEqual: one >= other
    case .less: one < other
    case .greater: one > other
    }
  }

  private static func isThere(_ value: FieldValue) -> Bool {
    switch value {
    case .number(let number): number != nil
    case .text(let text): text != nil
    case .address: true
    case .texts(let texts): !texts.isEmpty
    case .flag(let flag): flag
    }
  }
}
