import Zinx

/// Reads an object that is told by a table of options, such as `Tls` and `Nats`: what each of its keys says, and every problem that it has.
/// No file is opened.
struct ObjectReader<Root: Sendable> {
  /// The key that the object stands under.
  let name: String
  /// What else could be an object; completes the sentence "must be …".
  let allowed: String
  let options: [OptionOf<Root>]
  /// Stands before what is wrong with a value.
  var prefix = ""
  private(set) var problems: [ConfigurationProblem] = []

  init(_ name: String, allowed: String, _ options: [OptionOf<Root>], prefix: String = "") {
    (self.name, self.allowed, self.options, self.prefix) = (name, allowed, options, prefix)
  }

  /// Sets what the object says. Returns its members; nil, with a problem, for what is no object.
  mutating func read(_ value: ConfigurationValue, into root: inout Root) -> [ConfigurationMember]? {
    guard case .object(let members) = value.content else {
      problem(value.position, "\(name) is \(value.found), but must be \(allowed)")
      return nil
    }
    for member in members { read(member, into: &root) }
    return members
  }

  mutating func problem(_ position: SourcePosition?, _ message: String) {
    problems.append(ConfigurationProblem(at: position, message))
  }

  private mutating func read(_ member: ConfigurationMember, into root: inout Root) {
    guard let option = OptionOf.named(member.key, among: options) else {
      let hint = nearestName(to: member.key, among: options.map(\.name)).map { "; did you mean \"\($0)\"?" } ?? ""
      return problem(member.position, "\(name) has an unknown key \(quotedBriefly(member.key))\(hint)")
    }
    problems += option.apply(member.value, to: &root).map { ConfigurationProblem(at: $0.position, prefix + $0.message) }
  }
}

extension OptionOf {
  /// The option with a key, in any case.
  static func named(_ key: String, among options: [Self]) -> Self? {
    options.first { asciiLowercased($0.name) == asciiLowercased(key) }
  }
}

extension ConfigurationValue {
  /// An object as a file would say it: those of the options that are printed.
  static func object<Root>(of options: [OptionOf<Root>], _ printed: (OptionOf<Root>) -> ConfigurationValue?) -> Self {
    Self(.object(options.compactMap { option in printed(option).map { ConfigurationMember(key: option.name, value: $0) } }))
  }
}
