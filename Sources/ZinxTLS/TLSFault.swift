/// Something wrong with a file that TLS needs, or with what is said about it.
public struct TLSFault: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Problem: Sendable, Hashable {
    /// The kernel's reason.
    case unreadable(String)
    /// systemd passed no directory.
    case noCredentials
    /// There is no certificate, key or list in it: `what` was looked for.
    case notPEM(what: String)
    /// One behind the first is no PEM to its end.
    case damaged(what: String)
    case hasPassphrase
    /// The key belongs to another certificate than that in `file`.
    case doesNotMatch(certFile: String)
    /// So it does, and is not even of the kind that the certificate is for, such as `RSA` and `EC`.
    case isOfOtherKind(key: String, certificate: String, certFile: String)
    /// Not good since, in seconds of Unix time.
    case expired(Int64)
    /// Not good before, in seconds of Unix time.
    case notYetValid(Int64)
    /// One that is not the first in its file, or an authority: not good since, in seconds of Unix time. `subject` is whose.
    case otherExpired(subject: String, Int64)
    /// Not good from a moment on that is near, in seconds of Unix time.
    case expiresSoon(Int64)
    /// OpenSSL's reason.
    case refused(String)
  }

  /// The key of the configuration that names the file, such as `CertFile` and `Sni[0].CertFile`.
  public let key: String
  /// The file; what was said where there is none.
  public let file: String
  public let problem: Problem

  /// Whether it is a matter of time alone: the file is as it should be.
  public var isOfTime: Bool {
    switch problem {
    case .expired, .otherExpired, .notYetValid, .expiresSoon: true
    default: false
    }
  }

  /// Whether all is well for the moment, or for most: the server's own certificate is good.
  public var isWarning: Bool {
    switch problem {
    case .expiresSoon, .otherExpired: true
    default: false
    }
  }

  package init(key: String, file: String, problem: Problem) {
    self.key = key
    self.file = file
    self.problem = problem
  }

  public var description: String { "\(key): \(file): \(reason)" }

  private var reason: String {
    switch problem {
    case .unreadable(let reason): reason
    case .noCredentials: "CREDENTIALS_DIRECTORY is not set: systemd sets it for a service with LoadCredential="
    case .notPEM(let what): "there is no \(what) in PEM in it"
    case .damaged(let what): "a \(what) in it is damaged"
    case .hasPassphrase: "the key has a passphrase, and nobody could enter it"
    case .doesNotMatch(let certFile): "the key does not belong to the certificate in \(certFile)"
    case .isOfOtherKind(let key, let certificate, let certFile):
      "the key is one of \(key), and the certificate in \(certFile) is for one of \(certificate)"
    case .expired(let time): "expired on \(utcText(time))"
    case .otherExpired(let subject, let time): "the certificate of \(subject) in it expired on \(utcText(time))"
    case .notYetValid(let time): "not valid before \(utcText(time))"
    case .expiresSoon(let time): "expires on \(utcText(time))"
    case .refused(let reason): reason
    }
  }
}
