extension Client {
  /// Why a connection ended.
  public enum CloseReason: Error, Hashable, Sendable, CustomStringConvertible {
    /// The peer closed between two messages.
    case closedByPeer
    /// This side closed, and the peer followed.
    case closed
    /// This side closed, and the peer did not follow within ``ClientConfiguration/closeTimeout``; or this side gave the connection up.
    case abandoned
    /// The peer aborted the connection.
    case reset
    /// The stream ended inside a message.
    case truncated
    /// The peer announced more data than ``ClientConfiguration/maxPacketSize``. Often it speaks another order of the header.
    case oversize(id: UInt32, length: UInt32)
    /// A frame that is not Zinx's is longer than ``ClientConfiguration/maxPacketSize``; nil where it does not tell by how much.
    case oversizeFrame(length: UInt64?)
    /// The peer sent what can never be a frame, as the reason says.
    case badFrame(String)
    /// Nothing came for ``ClientConfiguration/Heartbeat/timeout``: the server, its machine or the way to it hangs.
    case heartbeatLost
    /// The server ends: it has closed its WebSocket between two messages with the code 1001.
    case draining
    /// The server has closed its WebSocket with a code (RFC 6455, 7.4.1) that says why: 1008 for most reasons of zinxd, 1009 for a message
    /// that is larger than it takes, 1002 and 1003 for what is no frame to it.
    case webSocketClosed(code: UInt16)
    /// TLS failed after the handshake, e.g. because the server of TLS 1.3 wants a certificate of the client.
    case tlsFailed(HandshakeFault)
    /// The kernel gave the connection up, in its own words, e.g. `Connection timed out`.
    case failed(String)

    public var description: String {
      switch self {
      case .closedByPeer: "closed by the peer"
      case .closed: "closed by this side"
      case .abandoned: "abandoned by this side"
      case .reset: "reset by the peer"
      case .truncated: "the peer closed in the middle of a message"
      case .oversize(let id, let length): "the peer announced \(length) bytes of data for id \(id), more than allowed"
      case .oversizeFrame(let length?): "the peer sent a frame of \(length) bytes, more than allowed"
      case .oversizeFrame(nil): "the peer sent a frame that is longer than allowed"
      case .badFrame(let reason): "the peer sent what is no frame: \(reason)"
      case .heartbeatLost: "no sign of life from the peer (heartbeat lost)"
      case .draining: "the server is draining"
      case .webSocketClosed(let code): "the server closed the WebSocket: \(Self.meaning(of: code)) (\(code))"
      case .tlsFailed(let fault): "\(fault)"
      case .failed(let reason): reason
      }
    }

    private static func meaning(of code: UInt16) -> String {
      switch code {
      case 1002: "what was sent is no WebSocket to it"
      case 1003: "it does not take such messages"
      case 1007: "text was no UTF-8"
      case 1008: "for a reason of its own"
      case 1009: "a message was larger than it takes"
      case 1011: "it has failed"
      case 1012: "it starts again"
      case 1013: "it has too much to do"
      default: "with a code of its own"
      }
    }

    /// Whether the end lost nothing: the stream of messages then simply ends.
    package var isOrderly: Bool {
      switch self {
      case .closedByPeer, .closed, .abandoned, .draining: true
      case .reset, .truncated, .oversize, .oversizeFrame, .badFrame, .heartbeatLost, .failed, .webSocketClosed, .tlsFailed: false
      }
    }
  }
}
