/// Why a connection ended. The log line, the counters and `OnConnStop` share one reason.
public enum CloseReason: String, Sendable, CaseIterable, CustomStringConvertible {
  /// The peer closed its side between two frames.
  case peerClosed = "peer-closed"
  /// The peer, or the network on its behalf, reset the connection.
  case reset
  /// User code called `stop()`.
  case stopped
  /// The server drains.
  case draining
  /// The server drained and the connection did not end within `DrainTimeout`, or a second signal cut it.
  case drainTimeout = "drain-timeout"
  /// A header announced more than `MaxPacketSize`.
  case oversize
  /// The peer closed its side inside a frame.
  case truncated
  /// The peer took nothing of what is queued for `SlowConsumerTimeout`.
  case slowConsumer = "slow-consumer"
  /// More waited for all peers than `MaxQueueBytes`, and for this one the most.
  case shed
  /// Nothing came from the peer for `IdleTimeout`.
  case idle
  /// `OnConnStart` threw.
  case hookFailed = "hook-failed"

  public var description: String { rawValue }
}
