import Glibc

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
  /// The peer took nothing of what is queued for `SlowConsumerTimeout`, or less than `MinFrameRate` of it.
  case slowConsumer = "slow-consumer"
  /// More waited for all peers than `MaxQueueBytes`, and for this one the most.
  case shed
  /// Nothing came from the peer for `IdleTimeout`.
  case idle
  /// Nothing has ever come from the peer within `FirstByteTimeout`.
  case noFirstByte = "no-first-byte"
  /// A header was not whole within `FrameTimeout`.
  case headerTimeout = "header-timeout"
  /// The data of a message came slower than `FrameTimeout` and `MinFrameRate` allow.
  case bodyTimeout = "body-timeout"
  /// The peer, or the way to it, did not answer for `VanishedTimeout`.
  case vanished
  /// `OnConnStart` threw.
  case hookFailed = "hook-failed"

  public var description: String { rawValue }

  /// What an error of a connected socket means: a reset, unless the kernel gave up waiting for an answer. Instead of the time-out it
  /// then reports why packets did not arrive, if routers or a neighbour told.
  init(socketError: Int32) {
    switch socketError {
    case ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, ENONET: self = .vanished
    default: self = .reset
    }
  }
}
