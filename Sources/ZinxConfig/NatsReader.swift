import Zinx

/// Reads the object `Nats`: every problem that it has. No file is opened.
struct NatsReader {
  static let allowed = "an object"

  private(set) var configuration = NatsOption.standard
  private(set) var problems: [ConfigurationProblem] = []

  mutating func read(_ value: ConfigurationValue) {
    guard case .object(let members) = value.content else {
      return problem(value.position, "Nats is \(value.found), but must be \(Self.allowed)")
    }
    for member in members { read(member) }
    guard problems.isEmpty else { return }
    if configuration.certFile.isEmpty != configuration.privateKeyFile.isEmpty {
      problem(value.position, "Nats has one of CertFile and PrivateKeyFile: TLS takes both, or none")
    }
    if !configuration.passwordFile.isEmpty, configuration.user.isEmpty {
      problem(value.position, "Nats has a PasswordFile and no User")
    }
    let identities = [configuration.user, configuration.tokenFile, configuration.credentialsFile]
    if identities.count(where: { !$0.isEmpty }) > 1 {
      problem(value.position, "Nats has more than one of User, TokenFile and CredentialsFile: the server is one to NATS")
    }
  }

  private mutating func read(_ member: ConfigurationMember) {
    guard let option = NatsOption.named(member.key) else {
      let hint = nearestName(to: member.key, among: NatsOption.all.map(\.name)).map { "; did you mean \"\($0)\"?" } ?? ""
      return problem(member.position, "Nats has an unknown key \(quotedBriefly(member.key))\(hint)")
    }
    problems += option.apply(member.value, to: &configuration).map {
      ConfigurationProblem(at: $0.position, "Nats: \($0.message)")
    }
  }

  private mutating func problem(_ position: SourcePosition?, _ message: String) {
    problems.append(ConfigurationProblem(at: position, message))
  }

  /// As a file would say it, in as few words as possible.
  static func written(_ configuration: NatsConfiguration) -> ConfigurationValue {
    ConfigurationValue(
      .object(
        NatsOption.all.compactMap { option in
          option.printed(in: configuration).map { ConfigurationMember(key: option.name, value: $0) }
        }))
  }
}
