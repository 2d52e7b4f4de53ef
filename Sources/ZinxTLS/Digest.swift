import COpenSSL

/// The digest that the handshake of WebSocket wants (RFC 6455, 1.3), which protects nothing there. Empty where OpenSSL has none.
package func sha1(_ bytes: [UInt8]) -> [UInt8] { digest(bytes, EVP_sha1(), 20) }

/// SHA-256. Empty where OpenSSL has none.
package func sha256(_ bytes: [UInt8]) -> [UInt8] { digest(bytes, EVP_sha256(), 32) }

private func digest(_ bytes: [UInt8], _ kind: OpaquePointer?, _ size: Int) -> [UInt8] {
  var digest = [UInt8](repeating: 0, count: size)
  var count: UInt32 = 0
  let isDone = EVP_Digest(bytes, bytes.count, &digest, &count, kind, nil) == 1
  return isDone ? digest : []
}
