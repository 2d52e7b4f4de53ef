import COpenSSL

/// What a handshake has settled.
public struct TLSInfo: Sendable, Hashable {
  /// `TLSv1.2` or `TLSv1.3`.
  public let version: String
  /// As OpenSSL names it.
  public let cipher: String
  /// The protocol that both sides agreed on (ALPN, RFC 7301); nil without. A listener selects none, whatever a client offers, and the
  /// handshake goes on without: so it is nil on the connections of a server.
  public let applicationProtocol: String?
  /// The name that the client asked for (SNI, RFC 6066), as it wrote it; nil without.
  public let serverName: String?
  /// Whether an earlier session was resumed: it was verified then.
  public let isResumed: Bool
  /// The peer's certificate, if it has one that was verified.
  public let peerCertificate: PeerCertificate?
}

/// A certificate that was verified.
public struct PeerCertificate: Sendable, Hashable {
  /// As RFC 2253 writes it: `CN=device 7,O=Example`.
  public let subject: String
  /// The subject's alternative names: host names, mail addresses, URIs, and IP addresses, in the order of the certificate.
  public let names: [String]
  /// SHA-256 of the whole certificate, 64 lower-case hexadecimal digits.
  public let fingerprint: String
}

extension TLSInfo {
  init(of session: OpaquePointer) {
    version = String(cString: SSL_get_version(session))
    cipher = SSL_CIPHER_get_name(SSL_get_current_cipher(session)).map { String(cString: $0) } ?? ""
    serverName = copenssl_server_name(session).map { String(cString: $0) }
    isResumed = SSL_session_reused(session) == 1
    var (bytes, length): (UnsafePointer<UInt8>?, CUnsignedInt) = (nil, 0)
    SSL_get0_alpn_selected(session, &bytes, &length)
    applicationProtocol = bytes.map { String(decoding: UnsafeBufferPointer(start: $0, count: Int(length)), as: UTF8.self) }
    peerCertificate = SSL_get_verify_mode(session) == SSL_VERIFY_NONE ? nil : PeerCertificate(of: session)
  }
}

extension PeerCertificate {
  /// Nil without one, and for one that was not verified.
  init?(of session: OpaquePointer) {
    guard SSL_get_verify_result(session) == X509_V_OK, let certificate = SSL_get1_peer_certificate(session) else { return nil }
    defer { X509_free(certificate) }
    subject = Self.subject(certificate)
    names = Self.names(certificate)
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: CUnsignedInt = 0
    X509_digest(certificate, EVP_sha256(), &digest, &length)
    fingerprint = digest.prefix(Int(length)).map(Self.hexadecimal).joined()
  }

  static func subject(_ certificate: OpaquePointer) -> String { text { copenssl_print_subject($0, certificate) } }

  static func issuer(_ certificate: OpaquePointer) -> String { text { copenssl_print_issuer($0, certificate) } }

  /// What is printed; empty if that fails.
  private static func text(_ print: (OpaquePointer?) -> CInt) -> String {
    guard let memory = BIO_new(BIO_s_mem()) else { return "" }
    defer { BIO_free(memory) }
    var bytes: UnsafeMutablePointer<CChar>?
    guard print(memory) >= 0 else { return "" }
    let count = copenssl_memory(memory, &bytes)
    return String(decoding: UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : count), as: UTF8.self)
  }

  static func names(_ certificate: OpaquePointer) -> [String] {
    guard let names = copenssl_names(certificate) else { return [] }
    defer { GENERAL_NAMES_free(names) }
    return (0..<copenssl_name_count(names)).compactMap { index in
      var (kind, length): (CInt, CInt) = (0, 0)
      guard let bytes = copenssl_name(names, index, &kind, &length) else { return nil }
      let name = UnsafeBufferPointer(start: bytes, count: Int(length))
      return kind == GEN_IPADD ? address(name) : String(decoding: name, as: UTF8.self)
    }
  }

  private static func address(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
    if bytes.count == 4 { return bytes.map { "\($0)" }.joined(separator: ".") }
    let groups = stride(from: 0, to: bytes.count - 1, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    return groups.map { String($0, radix: 16) }.joined(separator: ":")
  }

  private static func hexadecimal(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
}
