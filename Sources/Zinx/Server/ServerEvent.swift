/// What a server tells whoever runs it: the log and the status are made from these.
public enum ServerEvent: Sendable {
  /// A connection was admitted; `live` counts it.
  case connectionAdded(Connection, live: Int)
  /// A connection has ended and its place is free; `live` no longer counts it.
  case connectionEnded(Connection, CloseReason, live: Int)
  /// A connection was closed at once because `limit` were live.
  case connectionRefused(SocketAddress, limit: Int)
  /// More than `limit` bytes of memory were queued for all peers: `count` connections with `bytes` of them are closed.
  case connectionsShed(count: Int, bytes: Int, limit: Int)
  /// No route for the id; the message was dropped.
  case unknownMessage(Connection, id: UInt32)
  /// A handler threw.
  case handlerFailed(Connection, id: UInt32, any Error)
  /// `OnConnStart` threw; the connection is closed.
  case startHookFailed(Connection, any Error)
  /// No descriptor or memory for another connection: accepting rests. `reason` is the kernel's.
  case acceptPaused(reason: String)
  case acceptResumed
  /// The process may open fewer descriptors than `MaxConn` needs.
  case maxConnLowered(configured: Int, effective: Int)
}

/// Takes events, from any thread. Must not block.
public typealias EventSink = @Sendable (ServerEvent) -> Void
