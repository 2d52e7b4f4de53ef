import COpenSSL
import Glibc

/// A file in PEM, in memory.
struct PEMFile {
  /// More is no certificate, nor a list of the authorities of the world.
  private static let most = 16 << 20

  let key: String
  let path: String
  private let bytes: [UInt8]

  /// Throws: ``TLSFault``.
  init(_ path: String, as key: String) throws(TLSFault) {
    self.key = key
    self.path = path
    bytes = try Self.read(Self.expanded(path, key), path, key)
  }

  private static func expanded(_ path: String, _ key: String) throws(TLSFault) -> String {
    guard let name = CredentialPath.name(path) else { return path }
    guard let directory = getenv("CREDENTIALS_DIRECTORY") else { throw TLSFault(key: key, file: path, problem: .noCredentials) }
    return String(cString: directory) + "/" + name
  }

  private static func read(_ path: String, _ said: String, _ key: String) throws(TLSFault) -> [UInt8] {
    func failed(_ reason: String) -> TLSFault { TLSFault(key: key, file: said, problem: .unreadable(reason)) }
    // Non-blocking: a pipe without a writer must not hold up a start.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failed(String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16384)
    while true {
      let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
      guard count >= 0 else { throw failed(String(cString: strerror(errno))) }
      guard count > 0 else { return content }
      content += chunk.prefix(count)
      guard content.count <= most else { throw failed("it is larger than \(most) bytes") }
    }
  }

  func fault(_ problem: TLSFault.Problem) -> TLSFault { TLSFault(key: key, file: path, problem: problem) }

  /// What OpenSSL makes of the first thing of a kind, and of those behind it; the caller frees them.
  private func all(
    _ what: String, _ parse: (OpaquePointer) -> OpaquePointer?, free: (OpaquePointer) -> Void
  ) throws(TLSFault) -> [OpaquePointer] {
    var isWhole = true
    let found = bytes.withUnsafeBytes { bytes -> [OpaquePointer] in
      guard let memory = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else { return [] }
      defer { BIO_free(memory) }
      var found: [OpaquePointer] = []
      ERR_clear_error()
      while let next = parse(memory) { found.append(next) }
      // The end of the file is an error of OpenSSL's; any other is something that is damaged.
      let error = ERR_peek_last_error()
      isWhole = error == 0 || copenssl_library(error) == ERR_LIB_PEM && copenssl_reason(error) == PEM_R_NO_START_LINE
      ERR_clear_error()
      return found
    }
    guard !found.isEmpty, isWhole else {
      for one in found { free(one) }
      throw fault(found.isEmpty ? .notPEM(what: what) : .damaged(what: what))
    }
    return found
  }

  /// The certificates, as `X509`; the caller frees them.
  func certificates() throws(TLSFault) -> [OpaquePointer] {
    // Without a function of our own OpenSSL would ask a terminal for the passphrase of an encrypted one.
    try all("certificate") {
      PEM_read_bio_X509($0, nil, copenssl_no_passphrase, nil)
    } free: {
      X509_free($0)
    }
  }

  /// The lists of revoked certificates, as `X509_CRL`; the caller frees them.
  func revocations() throws(TLSFault) -> [OpaquePointer] {
    try all("list of revoked certificates") {
      PEM_read_bio_X509_CRL($0, nil, copenssl_no_passphrase, nil)
    } free: {
      X509_CRL_free($0)
    }
  }

  /// Whether a certificate in it has signed one of the lists.
  func haveSigned(_ lists: [OpaquePointer]) throws(TLSFault) -> Bool {
    let authorities = try certificates()
    defer {
      for authority in authorities { X509_free(authority) }
      ERR_clear_error()
    }
    return lists.contains { list in
      authorities.contains { authority in
        X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(authority)) == 0
          && X509_CRL_verify(list, X509_get0_pubkey(authority)) == 1
      }
    }
  }

  /// The key, as `EVP_PKEY`; the caller frees it.
  func privateKey() throws(TLSFault) -> OpaquePointer {
    var wasAsked: CInt = 0
    var isFirst = true
    do {
      return try all("private key") { memory in
        defer { isFirst = false }
        return isFirst ? PEM_read_bio_PrivateKey(memory, nil, copenssl_no_passphrase, &wasAsked) : nil
      } free: {
        EVP_PKEY_free($0)
      }[0]
    } catch { throw wasAsked != 0 ? fault(.hasPassphrase) : error }
  }
}

/// What OpenSSL has to say of the last failure on this thread; forgets it.
func takeReason() -> String {
  let error = ERR_peek_last_error()
  ERR_clear_error()
  return ERR_reason_error_string(error).map { String(cString: $0) } ?? "OpenSSL does not say why"
}

/// The seconds of Unix time that a certificate or list says.
func unixTime(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
  var parts = tm()
  guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
  return Int64(timegm(&parts))
}
