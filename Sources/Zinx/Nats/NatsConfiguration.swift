/// How a server reaches NATS: the key `Nats` of `zinx.json`. ``Zinx`` itself speaks no NATS: the product `ZinxNats` does.
public struct NatsConfiguration: Sendable, Equatable {
  /// Where NATS is: `nats://host:port`, or `tls://host:port` for TLS. One of them is chosen at random; when it is lost, another.
  public var servers: [String] = ["nats://127.0.0.1:4222"]
  /// The name of this server among those that share a NATS, of 1 to 64 bytes; no two have the same. Nil: the machine's host name.
  public var name: String?
  /// What the subjects of this server and of those that work with it begin with.
  public var prefix = "zinx"
  /// Who the server is to NATS, beside the password of ``passwordFile``; empty: nobody.
  public var user = ""
  /// The file of the password of ``user``; empty: none. Like all paths here absolute, or `$CREDENTIALS_DIRECTORY/NAME`.
  public var passwordFile = ""
  /// The file of a token; empty: none.
  public var tokenFile = ""
  /// A file of credentials as `nsc` makes them (a JWT and its seed); empty: none.
  public var credentialsFile = ""
  /// Authorities of the server's certificate in PEM; empty: those of the system. One that is set asks for TLS.
  public var caFile = ""
  /// The certificate that is shown to NATS in PEM, with the key of ``privateKeyFile``; empty: none. One that is set asks for TLS.
  public var certFile = ""
  public var privateKeyFile = ""
  /// Bytes that wait to be taken by NATS; what comes beyond them fails at once. More than 0.
  public var maxQueueBytes = 16 << 20
  /// Subscriptions at once, one for each user and group that is here. More than 100.
  public var maxSubscriptions = 200_000

  /// Whether the server is a good place for clients only while it is connected: what `/readyz` says.
  public var isRequired = false

  /// The plugin that connects a server. It comes with the key `Nats`, and not with `Plugins`: to an operator it is no plugin.
  package static let plugin = "nats-node"

  /// What the password and token files hold: see ``resolved(files:)``.
  package var password: Secret?
  package var token: Secret?

  public init() {}

  /// Whether the connection is encrypted, whatever the server says.
  package var isSecure: Bool {
    !caFile.isEmpty || !certFile.isEmpty || servers.contains { $0.hasPrefix("tls://") }
  }

  /// The same with `$CREDENTIALS_DIRECTORY` replaced and its secrets read, and what is wrong with its files, in sentences. Opens files.
  package func resolved(files: SettingFiles) -> (configuration: NatsConfiguration, problems: [String], isUnchecked: Bool) {
    var reading = NatsFiles(files: files)
    var new = self
    new.credentialsFile = reading.path("CredentialsFile", credentialsFile)
    new.caFile = reading.path("CAFile", caFile)
    new.certFile = reading.path("CertFile", certFile)
    new.privateKeyFile = reading.path("PrivateKeyFile", privateKeyFile)
    new.password = reading.secret("PasswordFile", passwordFile)
    new.token = reading.secret("TokenFile", tokenFile)
    return (new, reading.problems, reading.isUnchecked)
  }
}

/// The files of a ``NatsConfiguration`` while they are looked at.
private struct NatsFiles {
  let files: SettingFiles
  var problems: [String] = []
  /// Some of them are there only when the service starts.
  var isUnchecked = false

  mutating func path(_ key: String, _ text: String) -> String {
    guard let path = place(key, text) else { return text }
    if let reason = files.reason(against: path) { problems.append("\(key) of Nats cannot be read: \(reason)") }
    return path
  }

  mutating func secret(_ key: String, _ text: String) -> Secret? {
    guard let path = place(key, text) else { return nil }
    switch SettingKind<Secret>.content(files.read(path)) {
    case .success(let secret): return secret
    case .failure(let error): problems.append("\(key) of Nats: \(error.reason)")
    }
    return nil
  }

  private mutating func place(_ key: String, _ text: String) -> String? {
    guard !text.isEmpty else { return nil }
    switch files.place(of: text) {
    case .file(let path): return path
    case .unknown: isUnchecked = true
    case .wrong(let reason): problems.append("\(key) of Nats: \(reason)")
    }
    return nil
  }
}

/// A plugin that does nothing without the key `Nats`: a daemon refuses a configuration with the one and not the other.
public protocol NatsDependent: RoutePlugin {}
