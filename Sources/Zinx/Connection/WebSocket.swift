import ZinxTLS
import ZinxWire

/// What a connection has that is a WebSocket: between socket, or session, and frames.
///
/// Unchecked: what changes is touched on the event loop of the connection only.
final class WebSocket: @unchecked Sendable {
  let request: WebSocketRequest
  let subprotocol: String?
  @exclusivity(unchecked) var decoder = WebSocketDecoder()
  /// What came behind the request out of a session. Taken at the beginning.
  @exclusivity(unchecked) var rest: [UInt8]
  /// What came behind that: the session has ended with it, and does not say so again.
  let ending: TLSSession.End?
  /// Whose connection it is to be, as its request has said.
  @exclusivity(unchecked) var bindings: [HandshakeLogin.Binding] = []
  /// What the last word to the peer is to say because of what it did; nil: the reason of the end says it.
  @exclusivity(unchecked) var closeCode: UInt16?
  /// The peer has said its last word, and with which code.
  @exclusivity(unchecked) var peerClosed = false
  /// What is left of a message of which a part has left: the last word stands behind it.
  @exclusivity(unchecked) var cut: [UInt8] = []
  /// The last word, as far as it was not sent.
  @exclusivity(unchecked) var farewell: ArraySlice<UInt8>?

  init(_ request: WebSocketRequest, subprotocol: String?, rest: [UInt8], ending: TLSSession.End?) {
    (self.request, self.subprotocol, self.rest, self.ending) = (request, subprotocol, rest, ending)
  }

  /// The code of the last word.
  func code(of reason: CloseReason?) -> UInt16? {
    // What the peer said is said again (RFC 6455, 5.5.1).
    if let closeCode { return closeCode }
    guard !peerClosed else { return nil }
    return switch reason {
    case .peerClosed, .stopped: 1000
    case .draining, .drainTimeout, .killed, .handover: 1001
    case .oversize: 1009
    case .webSocketProtocol: 1002
    default: 1008
    }
  }
}
