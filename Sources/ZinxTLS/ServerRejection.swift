import COpenSSL

/// What is wrong with the certificate of a server, or with one between it and its authority.
public enum ServerRejection: Error, Sendable, Hashable, CustomStringConvertible {
  /// It is for others than whom the client wants; `names` are its own.
  case wrongName(wanted: String, names: [String])
  /// Not good since, in seconds of Unix time.
  case expired(subject: String, Int64)
  /// Not good before, in seconds of Unix time.
  case notYetValid(subject: String, Int64)
  /// Nobody whom the client trusts has signed it.
  case unknownIssuer(subject: String, issuer: String)
  /// It has signed itself, and the client does not trust it.
  case selfSigned(subject: String)
  /// Anything else, in OpenSSL's words.
  case other(subject: String, reason: String)

  public var description: String {
    switch self {
    case .wrongName(let wanted, let names):
      "the server's certificate is not for \(wanted) but for \(names.isEmpty ? "nobody" : names.joined(separator: ", "))"
    case .expired(let subject, let time): "the server's certificate (\(subject)) has expired, on \(utcText(time))"
    case .notYetValid(let subject, let time): "the server's certificate (\(subject)) is not valid before \(utcText(time))"
    case .unknownIssuer(let subject, let issuer):
      "the server's certificate (\(subject)) is signed by \(issuer), which is not among the authorities that are trusted"
    case .selfSigned(let subject): "the server's certificate (\(subject)) is signed by itself, and not trusted"
    case .other(let subject, let reason): "the server's certificate (\(subject)) is not good: \(reason)"
    }
  }
}

extension ServerRejection {
  /// Names of a certificate that are told: a server may have thousands.
  private static let told = 10

  /// - Parameter code: why, as OpenSSL numbers it (`X509_V_ERR_…`).
  init(_ certificate: OpaquePointer, _ code: Int, _ wanted: String) {
    let subject = shown(PeerCertificate.subject(certificate))
    switch CInt(truncatingIfNeeded: code) {
    case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH, X509_V_ERR_EMAIL_MISMATCH:
      let names = PeerCertificate.names(certificate)
      let more = names.count > Self.told ? ["\(names.count - Self.told) more"] : []
      self = .wrongName(wanted: wanted, names: names.prefix(Self.told).map(shown) + more)
    case X509_V_ERR_CERT_HAS_EXPIRED: self = .expired(subject: subject, unixTime(X509_get0_notAfter(certificate)) ?? 0)
    case X509_V_ERR_CERT_NOT_YET_VALID: self = .notYetValid(subject: subject, unixTime(X509_get0_notBefore(certificate)) ?? 0)
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: self = .selfSigned(subject: subject)
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
      X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      self = .unknownIssuer(subject: subject, issuer: shown(PeerCertificate.issuer(certificate)))
    default:
      let reason = X509_verify_cert_error_string(code).map { String(cString: $0) } ?? "\(code)"
      self = .other(subject: subject, reason: reason)
    }
  }
}

/// What is written in a certificate, by whomever, as a terminal may have it: in one line, and not without an end.
private func shown(_ text: String) -> String {
  let scalars = text.unicodeScalars.prefix(200).map { scalar -> Unicode.Scalar in
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: "?"
    default: scalar
    }
  }
  var shown = String.UnicodeScalarView()
  shown.append(contentsOf: scalars)
  return shown.isEmpty ? "no name" : String(shown)
}
