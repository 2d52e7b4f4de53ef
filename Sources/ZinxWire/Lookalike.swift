/// What the first bytes of a peer look like that does not speak what its listener does.
///
/// A guess, made of bytes that anybody may send: it helps who reads the log, and is no reason to treat a peer in any other way.
public enum Lookalike: Sendable, Hashable {
  /// Messages with another order of the header.
  case frames(DataPack)
  /// An HTTP/1 request.
  case http
  /// The preface of HTTP/2.
  case http2
  /// An HTTP/1 request to become a WebSocket.
  case webSocket
  /// A TLS ClientHello.
  case tls
  /// The header that a proxy puts in front of a connection: the line of its version 1.
  case proxyV1
  /// The same, the binary version 2.
  case proxyV2
  case ssh
  /// An MQTT CONNECT packet.
  case mqtt

  /// Looks at what a connection began with. Takes a bounded time, however many bytes there are.
  ///
  /// Nil is the answer to everything that is not evident: to bytes that may be messages of the listener itself for a route that it has,
  /// to too few bytes, and to those that fit two orders of the header equally well.
  ///
  /// - Parameters:
  ///   - bytes: from the very first on.
  ///   - pack: the order that the listener speaks; nil: none, as before a TLS handshake.
  ///   - maxPacketSize: bytes of data that a message may have.
  ///   - hasRoute: whether an id has a route of its own.
  public init?(
    firstBytes bytes: UnsafeRawBufferPointer, listener pack: DataPack?, maxPacketSize: UInt32, hasRoute: (UInt32) -> Bool
  ) {
    let own = pack.flatMap { HeaderReading(of: bytes, as: $0, maxPacketSize: maxPacketSize, hasRoute: hasRoute) }
    if let own, own.isRouted, own.first.length <= maxPacketSize { return nil }
    if let other = Self.otherProtocol(bytes) {
      self = other
    } else {
      let others = DataPack.allCases.filter { $0 != pack }.compactMap {
        HeaderReading(of: bytes, as: $0, maxPacketSize: maxPacketSize, hasRoute: hasRoute)
      }
      guard let fitting = HeaderReading.best(of: others, insteadOf: own) else { return nil }
      self = .frames(fitting.pack)
    }
  }
}

extension Lookalike: CustomStringConvertible {
  /// One word, as the journal has it: the `DataPack`, or the protocol.
  public var description: String {
    switch self {
    case .frames(let pack): pack.rawValue
    case .http: "http"
    case .http2: "http2"
    case .webSocket: "websocket"
    case .tls: "tls"
    case .proxyV1: "proxy-v1"
    case .proxyV2: "proxy-v2"
    case .ssh: "ssh"
    case .mqtt: "mqtt"
    }
  }
}
