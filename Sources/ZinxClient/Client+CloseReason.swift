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
      case .failed(let reason): reason
      }
    }

    /// Whether the end lost nothing: the stream of messages then simply ends.
    var isOrderly: Bool {
      switch self {
      case .closedByPeer, .closed, .abandoned: true
      case .reset, .truncated, .oversize, .oversizeFrame, .badFrame, .heartbeatLost, .failed: false
      }
    }
  }
}
