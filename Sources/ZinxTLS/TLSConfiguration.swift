/// TLS on a listener. All paths are of files in PEM; one may begin with `$CREDENTIALS_DIRECTORY/`, which stands for the directory that
/// systemd passes (`LoadCredential=`).
public struct TLSConfiguration: Sendable, Equatable {
  /// Whether a peer has to show a certificate.
  public enum ClientAuth: String, Sendable, CaseIterable {
    /// It is not asked for one.
    case none
    /// It is asked; one that it shows has to be signed by an authority of `clientCAFile`.
    case request
    /// Without one it does not come in.
    case require
  }

  /// The least version of the protocol that is spoken.
  public enum Version: String, Sendable, CaseIterable {
    case v12 = "1.2"
    case v13 = "1.3"
  }

  /// A certificate for some names.
  public struct Identity: Sendable, Equatable {
    /// What a client asks for in its first message (SNI, RFC 6066), such as `a.example`; `*.example` is any one label before it.
    public var names: [String]
    public var certFile: String
    public var privateKeyFile: String

    public init(names: [String], certFile: String, privateKeyFile: String) {
      self.names = names
      self.certFile = certFile
      self.privateKeyFile = privateKeyFile
    }
  }

  /// The certificate, followed by those between it and its authority.
  public var certFile: String
  /// Its key, without a passphrase.
  public var privateKeyFile: String
  /// The authorities of clients' certificates; empty without.
  public var clientCAFile = ""
  public var clientAuth = ClientAuth.none
  public var minVersion = Version.v12
  /// Ciphers of TLS 1.2, as in ciphers(1).
  public var ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20"
  /// Ciphers of TLS 1.3, as in ciphers(1).
  public var cipherSuites = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"
  /// Whether a client gets a ticket with which its next handshake is short. Tickets are good for two hours (RFC 8446 allows a week), and
  /// until certificates are read anew.
  public var sessionTickets = true
  /// Certificates of clients that have been revoked; empty without.
  public var crlFile = ""
  /// Time for a handshake, from the moment that the connection is accepted.
  public var handshakeTimeout = Duration.seconds(10)
  /// More certificates. Who asks for a name that none of them has gets `certFile`.
  public var sni: [Identity] = []

  public init(certFile: String, privateKeyFile: String) {
    self.certFile = certFile
    self.privateKeyFile = privateKeyFile
  }

  /// The files that it names, by their keys.
  package var files: [(key: String, path: String)] {
    let own = [("CertFile", certFile), ("PrivateKeyFile", privateKeyFile), ("ClientCAFile", clientCAFile), ("CrlFile", crlFile)]
    let others = sni.enumerated().flatMap { index, one in
      [("Sni[\(index)].CertFile", one.certFile), ("Sni[\(index)].PrivateKeyFile", one.privateKeyFile)]
    }
    return (own + others).filter { !$0.1.isEmpty }
  }

  /// The identity that a peer sees which asks for no name, or for one that nobody has.
  var standard: Identity { Identity(names: [], certFile: certFile, privateKeyFile: privateKeyFile) }
}

/// TLS to a server.
public struct TLSClientConfiguration: Sendable, Hashable {
  /// The authorities of the server's certificate, in PEM; nil: those that the system trusts.
  public var caFile: String?
  /// The name or address that the certificate has to be for, not empty, and the name that is asked for (SNI); nil: the one that is
  /// connected to.
  public var serverName: String?
  /// Whether the server's certificate is looked at at all. Without it anybody on the way can be the server.
  public var verifiesServer = true
  /// What the client shows itself, in PEM; nil without.
  public var certFile: String?
  /// The key of `certFile`.
  public var privateKeyFile: String?
  /// The latest version that is spoken; nil: the latest there is. For tests.
  package var maxVersion: TLSConfiguration.Version?

  public init() {}
}
