import Zinx
import ZinxTLS

/// One key of the object `Tls` of a listener.
public typealias TLSOption = OptionOf<TLSConfiguration>

extension TLSOption {
  /// Every key of `Tls`, in the order of the manual.
  public static var all: [TLSOption] { tlsOptions }

  /// The key, in any case.
  public static func named(_ key: String) -> TLSOption? { named(key, among: tlsOptions) }

  /// The default as JSON; nil for those whose default is not to be there: see ``absence``.
  public var defaultText: String? { isRequired ? nil : value(in: Self.standard)?.jsonText }

  /// Whether TLS has to have it.
  public var isRequired: Bool { name == "CertFile" || name == "PrivateKeyFile" }

  /// The value, where it is not what TLS has that says nothing.
  func printed(in configuration: TLSConfiguration) -> ConfigurationValue? {
    isRequired || !isEqual(in: configuration, and: Self.standard) ? value(in: configuration) : nil
  }

  static let standard = TLSConfiguration(certFile: "", privateKeyFile: "")
}

private let tlsOptions: [TLSOption] = [
  TLSOption(
    "CertFile", \.certFile, .file, reload: true,
    "Certificate of the server in PEM, followed by those between it and its authority"),
  TLSOption("PrivateKeyFile", \.privateKeyFile, .file, reload: true, "Its key in PEM, without a passphrase"),
  TLSOption(
    "ClientCAFile", \.clientCAFile, .file, reload: true, absence: "none",
    "Authorities of clients' certificates in PEM; needed where ClientAuth asks for one"),
  TLSOption(
    "ClientAuth", \.clientAuth, .choice, reload: true,
    "Whether a client is asked for a certificate, and whether it comes in without one"),
  TLSOption("MinVersion", \.minVersion, .choice, reload: true, "Least version of TLS that is spoken"),
  TLSOption("Ciphers", \.ciphers, .words, reload: true, "Ciphers of TLS 1.2, as in openssl-ciphers(1)"),
  TLSOption("CipherSuites", \.cipherSuites, .words, reload: true, "Ciphers of TLS 1.3, as in openssl-ciphers(1)"),
  TLSOption(
    "SessionTickets", \.sessionTickets, .bool, reload: true,
    "Whether a client may resume a session without certificates; a reload ends all sessions that could be"),
  TLSOption(
    "CrlFile", \.crlFile, .file, reload: true, absence: "none",
    "Lists of revoked certificates in PEM, one of each authority of a client's chain"),
  TLSOption(
    "HandshakeTimeout", \.handshakeTimeout, .seconds(in: .milliseconds(1)...(.seconds(3600))), unit: "seconds", reload: true,
    "Time for the handshake, from the moment that a connection is accepted, or its PROXY header has come"),
  TLSOption(
    "Sni", \.sni, .identities, reload: true, absence: "none",
    "More certificates, each with the names that it serves; who asks for another name gets the first"
  ) { value, configuration in
    let (identities, problems) = IdentitiesReader.read(value)
    if problems.isEmpty { configuration.sni = identities }
    return problems
  },
]

extension SettingRule where Value == String {
  /// A path; empty for none.
  static var file: Self {
    Self(
      type: "string", allowed: "the path of a file, which may begin with $CREDENTIALS_DIRECTORY/",
      read: { if case .string(let path) = $0.content, isPath(path) { path } else { nil } },
      write: { $0.isEmpty ? nil : ConfigurationValue(.string($0)) })
  }

  fileprivate static var words: Self {
    string("a list of names with colons between them") {
      !$0.isEmpty && $0.unicodeScalars.allSatisfy { $0.isASCII && $0.isPrintable }
    }
  }

  private static func isPath(_ path: String) -> Bool { path.utf8.count < 4096 && !path.utf8.contains(0) }
}

extension SettingRule where Value == [TLSConfiguration.Identity] {
  /// For the table: how they are read is the work of ``IdentitiesReader``.
  fileprivate static var identities: Self {
    Self(
      type: "list of certificates", allowed: IdentitiesReader.allowed,
      read: { _ in nil },
      write: { identities in
        identities.isEmpty ? nil : ConfigurationValue(.array(identities.map(IdentitiesReader.written)))
      })
  }
}

extension SettingRule where Value == TLSConfiguration? {
  /// For the table: how it is read is the work of ``TLSReader``.
  static var tls: Self {
    Self(
      type: "object", allowed: TLSReader.allowed,
      read: { _ in nil },
      write: { $0.map(TLSReader.written) })
  }
}
