import Glibc
import Synchronization
import ZinxIO
import ZinxTLS
import ZinxWire

/// What the connections to one address have in common: makes the tunnel of each.
package struct Transport: Sendable {
  private let context: TLSContext?
  private let host: String
  private let web: (authority: String, target: String)?

  /// Reads the files of the configuration where TLS is spoken.
  package init(_ address: ServerAddress, _ configuration: TLSClientConfiguration) throws(HandshakeFault) {
    host = address.host ?? "localhost"
    web = address.webSocketTarget.map { (address.authority, $0) }
    context = address.isSecure ? try TLSContexts.context(configuration) : nil
  }

  package var isPlain: Bool { context == nil && web == nil }

  /// That of a new connection; nil where the stream is the socket's own.
  package func tunnel() throws(HandshakeFault) -> Tunnel? {
    if isPlain { return nil }
    let session = context.map { TLSSession($0, host: host) }
    if case .some(nil) = session { throw .tls("there is no memory") }
    return Tunnel(session ?? nil, web.map { WebSocketUpgrade(host: $0.authority, target: $0.target, nonce: randomBytes(16)) })
  }
}

/// Reading the system's authorities takes longer than a handshake, so it is not done again for each of many connections.
private enum TLSContexts {
  private struct Entry {
    let configuration: TLSClientConfiguration
    let context: TLSContext
    let expiry: Instant
  }

  /// Nanoseconds after which files are read anew.
  private static let lifetime: Int64 = 1_000_000_000

  private static let last = Mutex<Entry?>(nil)

  static func context(_ configuration: TLSClientConfiguration) throws(HandshakeFault) -> TLSContext {
    guard configuration.serverName != "" else { throw .file("serverName: it is empty") }
    let known = last.withLock { entry in
      entry.flatMap { $0.configuration == configuration && $0.expiry > .now ? $0.context : nil }
    }
    if let known { return known }
    do throws(TLSFault) {
      let context = try TLSContext.load(configuration)
      let entry = Entry(
        configuration: configuration, context: context, expiry: .now.advanced(byNanoseconds: lifetime))
      last.withLock { $0 = entry }
      return context
    } catch { throw .file(error.description) }
  }
}
