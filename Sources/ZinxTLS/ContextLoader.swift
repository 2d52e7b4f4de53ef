import COpenSSL
import Glibc

extension TLSContext {
  /// Reads the files of a configuration. Blocks for as long as that takes.
  ///
  /// - Parameter now: seconds of Unix time.
  ///
  /// Returns every fault, and a context where they are of time alone.
  public static func load(_ configuration: TLSConfiguration, at now: Int64 = Int64(time(nil))) -> (TLSContext?, [TLSFault]) {
    var loader = ContextLoader(now: now)
    let names = configuration.sni.enumerated().map { index, identity in
      loader.context(configuration, identity, label: "Sni[\(index)].").map { (identity.names, $0) }
    }
    let others = names.compactMap(\.self)
    let pairs = others.flatMap { names, context in names.map { ($0.lowercased(), context) } }
    let table = Dictionary(pairs) { first, _ in first }
    let context = loader.context(configuration, configuration.standard, others: others.map(\.1), names: table)
    return (loader.faults.allSatisfy(\.isOfTime) ? context : nil, loader.faults)
  }

  /// Reads the files of a client's configuration.
  ///
  /// Throws: ``TLSFault``.
  public static func load(_ configuration: TLSClientConfiguration) throws(TLSFault) -> TLSContext {
    var loader = ContextLoader(now: Int64(time(nil)))
    let context = loader.context(configuration)
    if let fault = loader.faults.first { throw fault }
    guard let context else { throw TLSFault(key: "TLS", file: "OpenSSL", problem: .refused("there is no memory")) }
    return context
  }
}

/// Makes contexts, and keeps what is wrong.
struct ContextLoader {
  let now: Int64
  private(set) var faults: [TLSFault] = []

  init(now: Int64) { self.now = now }

  mutating func context(
    _ configuration: TLSConfiguration, _ identity: TLSConfiguration.Identity, label: String = "", others: [TLSContext] = [],
    names: [String: TLSContext] = [:]
  ) -> TLSContext? {
    guard let raw = make(TLS_server_method()) else { return nil }
    let before = faults.count
    copenssl_set_minimum(raw, configuration.minVersion == .v13 ? TLS1_3_VERSION : TLS1_2_VERSION)
    copenssl_set_tickets(raw, configuration.sessionTickets ? 1 : 0)
    let areKnown = set(configuration.ciphers, "Ciphers") { SSL_CTX_set_cipher_list(raw, $0) }
    _ = set(configuration.cipherSuites, "CipherSuites") { SSL_CTX_set_ciphersuites(raw, $0) }
    if areKnown { checkCiphers(configuration, raw) }
    let expiry = use(identity.certFile, identity.privateKeyFile, label, raw)
    trust(configuration, raw)
    guard faults[before...].allSatisfy(\.isOfTime) else {
      SSL_CTX_free(raw)
      return nil
    }
    return TLSContext(
      raw, others: others, names: names, certificate: (label + "CertFile", identity.certFile), expiry: expiry,
      handshakeTimeout: configuration.handshakeTimeout)
  }

  mutating func context(_ configuration: TLSClientConfiguration) -> TLSContext? {
    guard let raw = make(TLS_client_method()) else { return nil }
    copenssl_set_minimum(raw, TLS1_2_VERSION)
    if configuration.maxVersion == .v12 { copenssl_set_maximum(raw, TLS1_2_VERSION) }
    if let certFile = configuration.certFile { _ = use(certFile, configuration.privateKeyFile ?? certFile, "", raw) }
    SSL_CTX_set_client_cert_cb(raw, copenssl_keep_asked)
    if configuration.verifiesServer {
      SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, copenssl_keep_rejected)
      if let caFile = configuration.caFile {
        do throws(TLSFault) { try authorities(PEMFile(caFile, as: "CAFile"), raw, areNamed: false) } catch { add(error) }
      } else {
        SSL_CTX_set_default_verify_paths(raw)
      }
    }
    return TLSContext(raw, client: configuration)
  }

  private mutating func make(_ method: OpaquePointer?) -> OpaquePointer? {
    ERR_clear_error()
    guard let raw = SSL_CTX_new(method) else {
      faults.append(TLSFault(key: "TLS", file: "OpenSSL", problem: .refused(takeReason())))
      return nil
    }
    copenssl_harden(raw)
    return raw
  }

  private mutating func attempt(_ work: () throws(TLSFault) -> Void) {
    do { try work() } catch { add(error) }
  }

  /// Once: what all certificates have in common is looked at for each.
  private mutating func add(_ fault: TLSFault) { if !faults.contains(fault) { faults.append(fault) } }

  /// OpenSSL takes lists of ciphers with which no handshake comes to an end, and of those that hide nothing.
  private mutating func checkCiphers(_ configuration: TLSConfiguration, _ raw: OpaquePointer) {
    func told(_ reason: String) -> TLSFault {
      TLSFault(key: "Ciphers", file: "\"\(configuration.ciphers)\"", problem: .refused(reason))
    }
    switch copenssl_check_ciphers(raw) {
    case 1: add(told("it allows ciphers that do not encrypt, or know no peer"))
    case 2 where configuration.minVersion == .v12: add(told("none of them can be used with TLS 1.2"))
    default: break
    }
  }

  /// Returns whether OpenSSL knows something of the list.
  private mutating func set(_ list: String, _ key: String, _ call: (String) -> CInt) -> Bool {
    if call(list) == 1 { return true }
    add(TLSFault(key: key, file: "\"\(list)\"", problem: .refused(takeReason())))
    return false
  }

  // MARK: Who we are

  /// Returns when the first certificate ends.
  private mutating func use(_ certFile: String, _ keyFile: String, _ label: String, _ raw: OpaquePointer) -> Int64 {
    var expiry = Int64.max
    var certificate: OpaquePointer?
    defer { X509_free(certificate) }
    do throws(TLSFault) {
      let file = try PEMFile(certFile, as: label + "CertFile")
      let certificates = try file.certificates()
      defer { for certificate in certificates { X509_free(certificate) } }
      expiry = checkTime(certificates[0], file)
      for certificate in certificates.dropFirst() { checkOther(certificate, file) }
      guard SSL_CTX_use_certificate(raw, certificates[0]) == 1 else { throw file.fault(.refused(takeReason())) }
      for certificate in certificates.dropFirst() where X509_up_ref(certificate) == 1 { _ = copenssl_add_chain(raw, certificate) }
      if X509_up_ref(certificates[0]) == 1 { certificate = certificates[0] }
    } catch { add(error) }
    attempt { () throws(TLSFault) in
      let file = try PEMFile(keyFile, as: label + "PrivateKeyFile")
      let key = try file.privateKey()
      defer { EVP_PKEY_free(key) }
      guard let certificate else { return }
      if let problem = Self.mismatch(key, certificate, certFile) { throw file.fault(problem) }
      guard SSL_CTX_use_PrivateKey(raw, key) == 1 else { throw file.fault(.refused(takeReason())) }
    }
    return expiry
  }

  /// Why a key is not that of a certificate; nil if it is.
  private static func mismatch(_ key: OpaquePointer, _ certificate: OpaquePointer, _ certFile: String) -> TLSFault.Problem? {
    guard X509_check_private_key(certificate, key) != 1 else { return nil }
    ERR_clear_error()
    func kind(_ key: OpaquePointer?) -> String? { EVP_PKEY_get0_type_name(key).map { String(cString: $0) } }
    guard let one = kind(key), let other = kind(X509_get0_pubkey(certificate)), one != other else {
      return .doesNotMatch(certFile: certFile)
    }
    return .isOfOtherKind(key: one, certificate: other, certFile: certFile)
  }

  private mutating func checkTime(_ certificate: OpaquePointer, _ file: PEMFile) -> Int64 {
    let expiry = unixTime(X509_get0_notAfter(certificate)) ?? .max
    if let problem = TLSContext.problem(ofExpiry: expiry, at: now) { add(file.fault(problem)) }
    if let begin = unixTime(X509_get0_notBefore(certificate)), begin > now { add(file.fault(.notYetValid(begin))) }
    return expiry
  }

  /// One between the server and its authority, which clients may do without, or an authority, of which there may be others.
  private mutating func checkOther(_ certificate: OpaquePointer, _ file: PEMFile) {
    guard let expiry = unixTime(X509_get0_notAfter(certificate)), expiry <= now else { return }
    add(file.fault(.otherExpired(subject: PeerCertificate.subject(certificate), expiry)))
  }

  // MARK: Who they are

  private mutating func trust(_ configuration: TLSConfiguration, _ raw: OpaquePointer) {
    // Sessions that are resumed belong to this service and no other.
    _ = Array("zinx".utf8).withUnsafeBufferPointer { SSL_CTX_set_session_id_context(raw, $0.baseAddress, CUnsignedInt($0.count)) }
    switch configuration.clientAuth {
    case .none: return
    case .request: SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nil)
    case .require: SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
    }
    do throws(TLSFault) {
      try authorities(PEMFile(configuration.clientCAFile, as: "ClientCAFile"), raw, areNamed: true)
    } catch { add(error) }
    guard !configuration.crlFile.isEmpty else { return }
    do throws(TLSFault) { try revocations(PEMFile(configuration.crlFile, as: "CrlFile"), configuration, raw) } catch {
      add(error)
    }
  }

  /// - Parameter areNamed: whether peers are told of whom a certificate is wanted.
  private mutating func authorities(_ file: PEMFile, _ raw: OpaquePointer, areNamed: Bool) throws(TLSFault) {
    let certificates = try file.certificates()
    defer { for certificate in certificates { X509_free(certificate) } }
    for certificate in certificates {
      checkOther(certificate, file)
      guard X509_STORE_add_cert(SSL_CTX_get_cert_store(raw), certificate) == 1 else { throw file.fault(.refused(takeReason())) }
      if areNamed { SSL_CTX_add_client_CA(raw, certificate) }
    }
  }

  private mutating func revocations(
    _ file: PEMFile, _ configuration: TLSConfiguration, _ raw: OpaquePointer
  ) throws(TLSFault) {
    let lists = try file.revocations()
    defer { for list in lists { X509_CRL_free(list) } }
    let store = SSL_CTX_get_cert_store(raw)
    // With lists of others alone no client would come in. Those between a client and its authority may have lists too, which nobody can
    // tell here.
    let isSigned = try PEMFile(configuration.clientCAFile, as: "ClientCAFile").haveSigned(lists)
    guard isSigned else { throw file.fault(.refused("no list in it is of an authority in \(configuration.clientCAFile)")) }
    for list in lists {
      if let next = unixTime(X509_CRL_get0_nextUpdate(list)), next <= now { add(file.fault(.expired(next))) }
      guard X509_STORE_add_crl(store, list) == 1 else { throw file.fault(.refused(takeReason())) }
    }
    // Of the whole chain: an authority that was revoked has signed nothing that is good.
    X509_STORE_set_flags(store, UInt(X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL))
  }
}
