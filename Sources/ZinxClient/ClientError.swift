/// Why a call on a ``Client`` failed.
public enum ClientError: Error, Hashable, Sendable, CustomStringConvertible {
  /// No connection came about: the name is unknown, the peer refused, or this process has no descriptor left. `endpoint` is what
  /// was tried last, e.g. `127.0.0.1:7777`.
  case connectionFailed(endpoint: String, reason: String)
  /// A server was reached, and does not speak what the address says, is not whom it should be, or does not let this side in. `endpoint` is
  /// where, e.g. `127.0.0.1:7443`.
  case handshakeFailed(endpoint: String, HandshakeFault)
  /// Nothing came within the time given.
  case timedOut(after: Duration)
  /// No reply came within the time given, and the socket was not read because this many bytes of other messages wait to be taken
  /// from ``Client/messages``.
  case unreadMessages(bytes: Int)
  /// The connection has ended, or ended before the answer was there.
  case closed(Client.CloseReason)
  /// A ``ReconnectingClient`` has no connection at the moment.
  case notConnected
  /// The data does not fit into one frame.
  case messageTooLarge(bytes: Int)
  /// A value could not be made into the data of a message, or that into a frame; the reason is the codec's, or the framing's.
  case cannotEncode(reason: String)
  /// The reply is there, but is not what was asked for; the reason is its codec's.
  case undecodableReply(reason: String)
  /// The task that waited was cancelled.
  case cancelled

  public var description: String {
    switch self {
    case .connectionFailed(let endpoint, let reason): "cannot connect to \(endpoint): \(reason)"
    case .handshakeFailed(let endpoint, let fault): "cannot connect to \(endpoint): \(fault)"
    case .timedOut(let time): "timed out after \(time)"
    case .unreadMessages(let bytes): "no reply was read: \(bytes) bytes of other messages have not been taken"
    case .closed(let reason): "the connection is closed: \(reason)"
    case .notConnected: "not connected"
    case .messageTooLarge(let bytes): "\(bytes) bytes do not fit into one message"
    case .cannotEncode(let reason): "cannot encode the message: \(reason)"
    case .undecodableReply(let reason): "cannot decode the reply: \(reason)"
    case .cancelled: "cancelled"
    }
  }
}
