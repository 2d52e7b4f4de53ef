import COpenSSL

/// Why a session ended before its time: whoever it was that broke it.
package struct TLSFailure: Error, Equatable, CustomStringConvertible {
  /// For an operator, without a full stop.
  package let reason: String

  package init(reason: String) { self.reason = reason }

  package var description: String { reason }

  /// What OpenSSL says of the last failure of a session on this thread; forgets it.
  init(of session: OpaquePointer) {
    let error = ERR_peek_error()
    let verification = SSL_get_verify_result(session)
    ERR_clear_error()
    let said = ERR_reason_error_string(error).map { String(cString: $0) } ?? "the session broke"
    let isVerification = copenssl_library(error) == ERR_LIB_SSL && copenssl_reason(error) == SSL_R_CERTIFICATE_VERIFY_FAILED
    let detail = X509_verify_cert_error_string(verification).map { String(cString: $0) } ?? "\(verification)"
    reason = isVerification && verification != X509_V_OK ? "\(said): \(detail)" : said
  }
}
