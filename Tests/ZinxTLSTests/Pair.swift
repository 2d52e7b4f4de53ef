import Testing
import ZinxTestKit
import ZinxTLS

extension TLSConfiguration {
  /// A certificate of the tests and its key.
  static func tests(_ name: String = "server") -> TLSConfiguration {
    TLSConfiguration(certFile: Certificates.path("\(name).pem"), privateKeyFile: Certificates.path("\(name).key"))
  }

  /// The same, for clients that the authority of the tests has signed.
  static func mutual(_ auth: TLSConfiguration.ClientAuth) -> TLSConfiguration {
    var configuration = tests()
    configuration.clientAuth = auth
    configuration.clientCAFile = Certificates.path("ca.pem")
    return configuration
  }
}

extension TLSClientConfiguration {
  /// A client that trusts the authority of the tests.
  static func tests(certificate: String? = nil) -> TLSClientConfiguration {
    var configuration = TLSClientConfiguration()
    configuration.caFile = Certificates.path("ca.pem")
    configuration.certFile = certificate.map { Certificates.path("\($0).pem") }
    configuration.privateKeyFile = certificate.map { Certificates.path("\($0).key") }
    return configuration
  }
}

/// A client and a server that talk in memory.
struct Pair {
  let client: TLSSession
  let server: TLSSession

  init(_ server: TLSConfiguration = .tests(), client: TLSClientConfiguration = .tests(), host: String = "localhost") throws {
    let context = try #require(TLSContext.load(server).0)
    self.server = try #require(TLSSession(context))
    self.client = try #require(TLSSession(TLSContext.load(client), host: host))
  }

  /// Both sides of a handshake, `step` bytes at a time; returns when neither has more to say.
  func shake(step: Int = .max) -> (client: TLSSession.Handshake, server: TLSSession.Handshake) {
    var (clientIs, serverIs) = (client.handshake([]), TLSSession.Handshake.waits)
    while true {
      let toServer = client.takeOutput()
      for piece in toServer.pieces(step) where serverIs == .waits { serverIs = server.handshake(piece) }
      let toClient = server.takeOutput()
      for piece in toClient.pieces(step) {
        // What comes behind the client's end of the handshake are the tickets.
        if clientIs == .waits { clientIs = client.handshake(piece) } else { _ = client.open(piece) }
      }
      if toServer.isEmpty, toClient.isEmpty { return (clientIs, serverIs) }
    }
  }
}

extension TLSSession {
  func handshake(_ bytes: [UInt8]) -> Handshake { bytes.withUnsafeBytes { handshake($0) } }

  func takeOutput() -> [UInt8] {
    let bytes = Array(output)
    _ = sent(bytes.count)
    return bytes
  }

  func seal(_ bytes: [UInt8]) -> Sealing { bytes.withUnsafeBytes { seal($0) } }

  func open(_ bytes: [UInt8]) -> (bytes: [UInt8], end: End?) {
    var room = [UInt8](repeating: 0, count: bytes.count + Self.recordSize)
    let (count, end) = bytes.withUnsafeBytes { bytes in room.withUnsafeMutableBytes { open(bytes, into: $0) } }
    return (Array(room.prefix(count)), end)
  }
}

extension [UInt8] {
  /// In order, of at most `size` bytes each.
  func pieces(_ size: Int) -> [[UInt8]] {
    guard size < count else { return isEmpty ? [] : [self] }
    return stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}
