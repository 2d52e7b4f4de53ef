@testable import ZinxNats

/// Names of users and groups as parts of subjects, and subjects of routes: texts between zero bytes.
@Sendable func fuzzSubjects(_ input: Input) {
  var names: [String: String] = [:]
  for text in input.texts() {
    let token = SubjectName.encode(text)
    require(token.utf8.allSatisfy(isSafe), "nothing in a token means anything to NATS")
    require(text.isEmpty == token.isEmpty, "a name that is there has a token")
    if !text.isEmpty { require(SubjectName.decode(token).map { Array($0.utf8) } == Array(text.utf8), "a token is read back") }
    let other = names.updateValue(text, forKey: token)
    require(other.map { Array($0.utf8) == Array(text.utf8) } ?? true, "no two names have one token")
    // A name reaches whom it names, and no other.
    let names = PushSubjects(prefix: "zinx", node: text)
    if !text.isEmpty {
      require(Push(names.user(text), names) == Push(.user(text), .send), "a user's subject is the user's")
      require(Push(names.group(text), names) == Push(.group(text), .send), "a group's subject is the group's")
    }
    // What anybody publishes: whatever it is taken for, it is written in one way.
    if let push = Push(text, PushSubjects(prefix: "zinx", node: "n.1")), case .user(let name) = push.target {
      require(text.hasPrefix(names.user(name)), "a subject has one form")
    }
    // The other way: a token of anybody.
    if let name = SubjectName.decode(text) { require(SubjectName.encode(name) == text, "a token has one form") }
    guard let subject = SubjectTemplate(text)?.subject(.max) else { continue }
    let parts = subject.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    require(
      parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { $0 > 0x20 && $0 != 0x2A && $0 != 0x3E } }, "a subject can be published to"
    )
  }
}

private func isSafe(_ byte: UInt8) -> Bool {
  byte == UInt8(ascii: "%") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || (48...57).contains(byte)
    || (97...122).contains(byte | 0x20)
}
