import COpenSSL
import Glibc

/// What the sessions of a listener or a client have in common: certificates, keys, and what is spoken. Never changes: files are read anew
/// into a new one.
///
/// Unchecked: OpenSSL counts references to its contexts and locks what it changes in them; nothing here changes after it was made.
public final class TLSContext: @unchecked Sendable {
  let raw: OpaquePointer
  /// For the names of its own certificates; they live as long as this, and so do the sessions' uses of them.
  private let others: [TLSContext]
  private let names: [String: TLSContext]
  /// The key that names the certificate which ends first, and its file.
  private let certificate: (key: String, file: String)
  /// When the first of the certificates ends, in seconds of Unix time.
  public let expiry: Int64
  /// Time for a handshake.
  package let handshakeTimeout: Duration
  let client: TLSClientConfiguration?

  init(
    _ raw: OpaquePointer, others: [TLSContext] = [], names: [String: TLSContext] = [:],
    certificate: (key: String, file: String) = ("CertFile", ""), expiry: Int64 = .max, handshakeTimeout: Duration = .zero,
    client: TLSClientConfiguration? = nil
  ) {
    self.raw = raw
    self.others = others
    self.names = names
    let first = others.min { $0.expiry < $1.expiry }
    self.certificate = first.flatMap { $0.expiry < expiry ? $0.certificate : nil } ?? certificate
    self.expiry = min(expiry, first?.expiry ?? .max)
    self.handshakeTimeout = handshakeTimeout
    self.client = client
    guard !names.isEmpty else { return }
    copenssl_set_name_callback(raw, choose, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit { SSL_CTX_free(raw) }

  /// What is the matter with the certificate that ends first.
  ///
  /// - Parameter now: seconds of Unix time.
  public func fault(at now: Int64 = Int64(time(nil))) -> TLSFault? {
    Self.problem(ofExpiry: expiry, at: now).map { TLSFault(key: certificate.key, file: certificate.file, problem: $0) }
  }

  /// Two weeks: a renewal that works comes earlier.
  private static let notice: Int64 = 14 * 86400

  static func problem(ofExpiry expiry: Int64, at now: Int64) -> TLSFault.Problem? {
    if expiry <= now { return .expired(expiry) }
    return expiry - now < notice ? .expiresSoon(expiry) : nil
  }

  /// Who serves a name that a client asked for.
  func context(for name: String) -> TLSContext? {
    let name = name.lowercased()
    if let exact = names[name] { return exact }
    guard let dot = name.firstIndex(of: ".") else { return nil }
    return names["*" + name[dot...]]
  }
}

/// Puts the certificate for the name that the client asks for into its session. The argument is the context that the session was made of,
/// which it holds.
private func choose(_ session: OpaquePointer?, _ alert: UnsafeMutablePointer<CInt>?, _ argument: UnsafeMutableRawPointer?) -> CInt
{
  guard let session, let argument, let name = copenssl_server_name(session) else { return SSL_TLSEXT_ERR_OK }
  let context = Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue()
  if let chosen = context.context(for: String(cString: name)) { SSL_set_SSL_CTX(session, chosen.raw) }
  return SSL_TLSEXT_ERR_OK
}
