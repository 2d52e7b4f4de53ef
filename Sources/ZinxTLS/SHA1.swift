import COpenSSL

/// The digest that the handshake of WebSocket wants (RFC 6455, 1.3), which protects nothing there. Empty where OpenSSL has none.
package func sha1(_ bytes: [UInt8]) -> [UInt8] {
  var digest = [UInt8](repeating: 0, count: 20)
  var count: UInt32 = 0
  let isDone = EVP_Digest(bytes, bytes.count, &digest, &count, EVP_sha1(), nil) == 1
  return isDone ? digest : []
}
