import ZinxTLS
import ZinxWire

/// What a server tells whoever runs it: the log and the status are made from these.
public enum ServerEvent: Sendable {
  /// A connection was admitted; `live` counts it.
  case connectionAdded(Connection, live: Int)
  /// A connection has ended and its place is free; `live` no longer counts it. `fault`: what could not be taken of the peer's bytes.
  case connectionEnded(Connection, CloseReason, live: Int, fault: WireFault?)
  /// A connection was closed as soon as it was accepted. `limit` is the number that was reached, nil where it is not one of how many;
  /// `listener` the name of the one that it came to.
  case connectionRefused(SocketAddress, RefusalReason, limit: Int?, listener: String)
  /// A peer was accepted and has not become a connection, as when the handshake of TLS failed. `detail` says why, in words; `looksLike`:
  /// what it began with in the place of that.
  case arrivalFailed(SocketAddress, CloseReason, detail: String, looksLike: Lookalike?, listener: String)
  /// A certificate is used although it is not good at this time, or will not be soon.
  case certificateOutOfTime(TLSFault, listener: String)
  /// More than `limit` bytes of memory were queued for all peers: `count` connections with `bytes` of them are closed.
  case connectionsShed(count: Int, bytes: Int, limit: Int)
  /// No route for the id; the message was dropped. Of one batch of a connection at most four are told, so that a flood of them costs no
  /// more than serving would; the counter has them all. `length`: bytes of its data. `looksLike`: what the connection began with, if that
  /// was no message with a route either.
  case unknownMessage(Connection, id: UInt32, length: Int, looksLike: Lookalike?)
  /// A handler threw.
  case handlerFailed(Connection, id: UInt32, any Error)
  /// The data of a message could not be decoded, an ``UndecodableMessage``; its handler was not called. Told once for each connection; the
  /// counter has them all.
  case undecodableMessage(Connection, id: UInt32, any Error)
  /// A handler has not returned within its deadline and is cancelled. Told once for each connection; the counter has them all.
  case deadlineExceeded(Connection, id: UInt32, Duration)
  /// `OnConnStart` threw; the connection is closed.
  case startHookFailed(Connection, any Error)
  /// Accepting fails for all, as without descriptors or memory, and rests. `reason` is the kernel's. Told once until it works again.
  case acceptPaused(reason: String)
  case acceptResumed
  /// More connections come than `AcceptRate` lets in: they wait in the backlog. Told once in ten seconds at most.
  case acceptRateReached(perSecond: Int)
  /// The server goes on with the connections of another program; `lost`: those that could not be taken over after all.
  case tookOver(connections: Int, lost: Int)
  /// At the end of a drain, so many connections have handlers that go on although they were cancelled half a second ago. Nobody waits for
  /// them any longer.
  case handlersAbandoned(connections: Int)
  /// What a plugin does beside its requests has thrown.
  case pluginTaskFailed(plugin: String, any Error)
  /// So many tasks of a plugin go on although they were cancelled, half a second after the time of the drain. Nobody waits for them any
  /// longer.
  case pluginTasksAbandoned(plugin: String, count: Int)
  /// Another process that has a passed socket too has shut it down: nobody comes in there any more.
  case listenerLost(String, listener: String)
  /// One of several addresses of the host is not this machine's: nobody listens there.
  case addressAbsent(SocketAddress, host: String)
  /// The process may open fewer descriptors than `MaxConn` needs.
  case maxConnLowered(configured: Int, effective: Int)
}

/// Takes events, from any thread. Must not block.
public typealias EventSink = @Sendable (ServerEvent) -> Void
