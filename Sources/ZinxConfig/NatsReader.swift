import Zinx

/// Reads the object `Nats`: every problem that it has. No file is opened.
struct NatsReader {
  static let allowed = "an object"

  private(set) var configuration = NatsOption.standard
  private var object = ObjectReader("Nats", allowed: Self.allowed, NatsOption.all, prefix: "Nats: ")

  var problems: [ConfigurationProblem] { object.problems }

  mutating func read(_ value: ConfigurationValue) {
    guard object.read(value, into: &configuration) != nil, problems.isEmpty else { return }
    if configuration.certFile.isEmpty != configuration.privateKeyFile.isEmpty {
      object.problem(value.position, "Nats has one of CertFile and PrivateKeyFile: TLS takes both, or none")
    }
    if !configuration.passwordFile.isEmpty, configuration.user.isEmpty {
      object.problem(value.position, "Nats has a PasswordFile and no User")
    }
    let identities = [configuration.user, configuration.tokenFile, configuration.credentialsFile]
    if identities.count(where: { !$0.isEmpty }) > 1 {
      object.problem(value.position, "Nats has more than one of User, TokenFile and CredentialsFile: the server is one to NATS")
    }
  }

  /// As a file would say it, in as few words as possible.
  static func written(_ configuration: NatsConfiguration) -> ConfigurationValue {
    .object(of: NatsOption.all) { $0.printed(in: configuration) }
  }
}
