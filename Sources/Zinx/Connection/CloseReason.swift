import Glibc
import ZinxWire

/// Why a connection ended. The log line, the counters and `OnConnStop` share one reason.
public enum CloseReason: Int, Sendable, CaseIterable, CustomStringConvertible {
  /// The peer closed its side between two frames.
  case peerClosed
  /// The peer, or the network on its behalf, reset the connection.
  case reset
  /// User code called `stop()`.
  case stopped
  /// The server drains.
  case draining
  /// The server drained and the connection did not end within `DrainTimeout`, or a second signal cut it.
  case drainTimeout
  /// A header announced more than `MaxPacketSize`, or a frame of another protocol is longer than that.
  case oversize
  /// The peer closed its side inside a frame.
  case truncated
  /// The peer took nothing of what is queued for `SlowConsumerTimeout`, or less than `MinFrameRate` of it, or its queue was full when
  /// user code sent to many with ``FullQueuePolicy/close``.
  case slowConsumer
  /// More waited for all peers than `MaxQueueBytes`, and for this one the most.
  case shed
  /// Nothing came from the peer for `IdleTimeout`.
  case idle
  /// Nothing has ever come from the peer within `FirstByteTimeout`.
  case noFirstByte
  /// A header was not whole within `FrameTimeout`.
  case headerTimeout
  /// The data of a message came slower than `FrameTimeout` and `MinFrameRate` allow.
  case bodyTimeout
  /// The peer, or the way to it, did not answer for `VanishedTimeout`.
  case vanished
  /// Nothing came from the peer for the time-out of the heartbeat: see ``Heartbeat/timeout``.
  case heartbeatLost
  /// The peer did not authenticate in time, sent something else too often before, or failed too often: see ``Authentication``.
  case unauthenticated
  /// The user of the connection has logged in again elsewhere: see ``SecondLogin/replace(notice:)``.
  case replaced
  /// `OnConnStart` threw.
  case hookFailed
  /// The handshake of TLS did not come to its end, or what came after it was not what the peer has sealed.
  case tlsFailed
  /// There was no good PROXY header in front, or not in time, or the peer is not one of the proxies that may send one: see
  /// ``Endpoint/proxyProtocol``. Of what was accepted and never added.
  case proxyHeader
  /// The peer is no WebSocket where its listener has only those, or did what no WebSocket may: see ``Endpoint/transport``.
  case webSocketProtocol
  /// The peer sent what can never be a frame of the protocol that its listener speaks: see ``Framing``.
  case badFrame
  /// An operator has ended it: see ``Connection/kill(reason:atOnce:)``.
  case killed
  /// Another program has taken over, and could not take this connection: it is encrypted, has a property that is not written down, or its
  /// handler did not end within `HandoverTimeout`.
  case handover

  public var description: String {
    switch self {
    case .peerClosed: "peer-closed"
    case .reset: "reset"
    case .stopped: "stopped"
    case .draining: "draining"
    case .drainTimeout: "drain-timeout"
    case .oversize: "oversize"
    case .truncated: "truncated"
    case .slowConsumer: "slow-consumer"
    case .shed: "shed"
    case .idle: "idle"
    case .noFirstByte: "no-first-byte"
    case .headerTimeout: "header-timeout"
    case .bodyTimeout: "body-timeout"
    case .vanished: "vanished"
    case .heartbeatLost: "heartbeat-lost"
    case .unauthenticated: "unauthenticated"
    case .replaced: "replaced"
    case .hookFailed: "hook-failed"
    case .tlsFailed: "tls-failed"
    case .proxyHeader: "proxy-header"
    case .webSocketProtocol: "websocket-protocol"
    case .badFrame: "bad-frame"
    case .killed: "killed"
    case .handover: "handover"
    }
  }

  /// What a peer is closed for that did something wrong on the wire.
  init(_ error: WireError) {
    switch error {
    case .oversize, .oversizeFrame: self = .oversize
    case .badFrame: self = .badFrame
    case .truncated: self = .truncated
    }
  }

  /// What an error of a connected socket means: a reset, unless the kernel gave up waiting for an answer. Instead of the time-out it
  /// then reports why packets did not arrive, if routers or a neighbour told.
  init(socketError: Int32) {
    switch socketError {
    case ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, ENONET: self = .vanished
    default: self = .reset
    }
  }
}
