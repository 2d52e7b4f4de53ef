import Zinx
import ZinxTLS

/// One key of the object `Nats`.
public typealias NatsOption = OptionOf<NatsConfiguration>

extension NatsOption {
  /// Every key of `Nats`, in the order of the manual.
  public static var all: [NatsOption] { natsOptions }

  /// The key, in any case.
  public static func named(_ key: String) -> NatsOption? { named(key, among: natsOptions) }

  /// The default as JSON; nil for those whose default is not to be there: see ``absence``.
  public var defaultText: String? { value(in: Self.standard)?.jsonText }

  /// The value, where it is not the default.
  func printed(in configuration: NatsConfiguration) -> ConfigurationValue? {
    isEqual(in: configuration, and: Self.standard) ? nil : value(in: configuration)
  }

  static let standard = NatsConfiguration()
}

private let natsOptions: [NatsOption] = [
  NatsOption(
    "Servers", \.servers, .natsServers, reload: false,
    "Where NATS is; one of several is chosen at random, and another when it is lost. tls:// asks for TLS"),
  NatsOption(
    "Name", \.name, .optional(.string("printable text of 1 to 64 bytes", where: isName)), reload: false,
    absence: "the machine's host name", "Name of this server, which no other at the same NATS has"),
  NatsOption(
    "Prefix", \.prefix, .string("1 to 64 letters, digits, _ and -, and dots between them", where: isPrefix), reload: false,
    "What the subjects of the servers begin with that work together"),
  NatsOption("User", \.user, .natsUser, reload: false, absence: "nobody", "User that the server is to NATS"),
  NatsOption("PasswordFile", \.passwordFile, .file, reload: false, absence: "none", "File that holds the password of User"),
  NatsOption("TokenFile", \.tokenFile, .file, reload: false, absence: "none", "File that holds a token, in place of a user"),
  NatsOption(
    "CredentialsFile", \.credentialsFile, .file, reload: false, absence: "none",
    "File of credentials with a JWT and its seed, as nsc makes them, in place of a user; read at each connect"),
  NatsOption(
    "CAFile", \.caFile, .file, reload: false, absence: "those of the system",
    "Authorities of the certificate of NATS in PEM; asks for TLS"),
  NatsOption(
    "CertFile", \.certFile, .file, reload: false, absence: "none",
    "Certificate that NATS is shown in PEM; asks for TLS, and takes PrivateKeyFile"),
  NatsOption(
    "PrivateKeyFile", \.privateKeyFile, .file, reload: false, absence: "none", "The key of CertFile in PEM, without a passphrase"),
  NatsOption(
    "Required", \.isRequired, .bool, reload: false, "Whether the daemon is ready (/readyz) only while it is connected to NATS"),
  NatsOption(
    "MaxQueueBytes", \.maxQueueBytes, .integer(in: 65536...1_073_741_824), unit: "bytes", reload: false,
    "Bytes that wait for NATS to take them; what comes beyond them fails at once"),
  NatsOption(
    "MaxSubscriptions", \.maxSubscriptions, .integer(in: 100...10_000_000), unit: "subscriptions", reload: false,
    "Subscriptions at once, one for each user and group that is here; those beyond them are not reached from elsewhere, and counted"
  ),
]

@Sendable private func isPrefix(_ text: String) -> Bool {
  (1...64).contains(text.utf8.count)
    && text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { part in
      !part.isEmpty
        && part.allSatisfy { byte in
          (48...57).contains(byte) || (97...122).contains(byte | 32) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
        }
    }
}

extension SettingRule where Value == String {
  fileprivate static var natsUser: Self {
    let rule = Self.string("printable text of at most 256 bytes") {
      $0.utf8.count <= 256 && $0.unicodeScalars.allSatisfy(\.isPrintable)
    }
    return Self(
      type: rule.type, allowed: rule.allowed, read: rule.read, write: { $0.isEmpty ? nil : ConfigurationValue(.string($0)) })
  }
}

extension SettingRule where Value == [String] {
  /// Addresses without a user: the file is one that many may read.
  fileprivate static var natsServers: Self {
    list(
      #"a list of 1 to 64 addresses such as "nats://10.0.0.1:4222" or "tls://nats.example:4222""#, count: 1...64, hidden: "…@…",
      faults: { $0.contains("@") ? "who the server is stands in User and PasswordFile, TokenFile or CredentialsFile" : nil },
      where: isNatsServer)
  }
}

private func isNatsServer(_ text: String) -> Bool {
  for scheme in ["nats://", "tls://"] where text.hasPrefix(scheme) {
    let address = String(text.dropFirst(scheme.count))
    guard text.utf8.count <= 512, !address.contains("@"), case .tcp? = try? ListenAddress(address) else { return false }
    return true
  }
  return false
}

extension Option {
  /// All of them, told as one option.
  static let nats = Option(
    "Nats", \.nats, .nats, reload: false, absence: "nothing of NATS",
    "Connection to NATS, which the plugin nats works by; an empty object has the default of every key"
  ) { value, configuration in
    var reader = NatsReader()
    reader.read(value)
    if reader.problems.isEmpty { configuration.nats = reader.configuration }
    return reader.problems
  }
}

extension SettingRule where Value == NatsConfiguration? {
  /// For the table: how it is read is the work of ``NatsReader``.
  fileprivate static var nats: Self {
    Self(type: "object", allowed: NatsReader.allowed, read: { _ in nil }, write: { $0.map(NatsReader.written) })
  }
}
