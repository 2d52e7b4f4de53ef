/// What somebody on NATS wants done here, as the subject says: to whom, and what.
///
/// - `PREFIX.user.USER`, `PREFIX.group.GROUP`, `PREFIX.conn.NODE.ID`, `PREFIX.all`: the data is a message to them
/// - the same with `.close`, `.join`, `.leave` behind it; `PREFIX.conn.NODE.ID.bind`; `PREFIX.user.USER.replaced`, of one node to the others
struct Push: Equatable, Sendable {
  enum Target: Equatable, Sendable {
    case user(String)
    case group(String)
    case connection(UInt64)
    case all
  }

  enum Verb: String, Equatable, Sendable {
    case send, close, join, leave, bind, replaced
  }

  let target: Target
  let verb: Verb

  init(_ target: Target, _ verb: Verb) { (self.target, self.verb) = (target, verb) }

  /// Nil for a subject that says nothing of the kind, or is for another node.
  ///
  /// - Parameter names: what the subjects of this node are made of.
  init?(_ subject: String, _ names: PushSubjects) {
    guard subject.hasPrefix(names.prefix + ".") else { return nil }
    var parts = subject.dropFirst(names.prefix.utf8.count + 1).split(separator: ".", omittingEmptySubsequences: false)[...]
    guard let kind = parts.popFirst(), let target = Self.target(kind, &parts, names) else { return nil }
    switch (parts.popFirst(), parts.isEmpty) {
    case (nil, _): verb = .send
    case (let word?, true):
      // What is sent has no word.
      guard let verb = Verb(rawValue: String(word)), verb != .send else { return nil }
      self.verb = verb
    default: return nil
    }
    switch (verb, target) {
    case (.bind, .connection), (.replaced, .user): break
    case (.bind, _), (.replaced, _): return nil
    default: break
    }
    self.target = target
  }

  private static func target(_ kind: Substring, _ parts: inout ArraySlice<Substring>, _ names: PushSubjects) -> Target? {
    switch kind {
    case "user": return parts.popFirst().flatMap { SubjectName.decode($0) }.map { .user($0) }
    case "group": return parts.popFirst().flatMap { SubjectName.decode($0) }.map { .group($0) }
    case "conn":
      guard parts.popFirst().map(String.init) == names.node, let id = parts.popFirst() else { return nil }
      return connectionID(id).map { .connection($0) }
    case "all": return .all
    default: return nil
    }
  }
}

extension Push {
  /// Digits, and no more.
  static func connectionID(_ text: some StringProtocol) -> UInt64? {
    text.utf8.allSatisfy { (48...57).contains($0) } ? UInt64(text) : nil
  }
}

/// The subjects by which others reach a node.
struct PushSubjects: Equatable, Sendable {
  /// Of all nodes that work together.
  let prefix: String
  /// The name of this one, as a subject has it.
  let node: String

  init(prefix: String, node: String) { (self.prefix, self.node) = (prefix, SubjectName.encode(node)) }

  /// What every node hears, whoever is there. What is to be done with users and groups is rare, so every node hears all of that; what is
  /// sent to them is not, and is subscribed to for those who are there.
  var always: [String] {
    [
      "\(prefix).all", "\(prefix).all.*", "\(prefix).conn.\(node).*", "\(prefix).conn.\(node).*.*", "\(prefix).user.*.*",
      "\(prefix).group.*.*",
    ]
  }

  func user(_ name: String) -> String { "\(prefix).user.\(SubjectName.encode(name))" }
  func group(_ name: String) -> String { "\(prefix).group.\(SubjectName.encode(name))" }
  func event(_ name: String) -> String { "\(prefix).event.\(name)" }
}
