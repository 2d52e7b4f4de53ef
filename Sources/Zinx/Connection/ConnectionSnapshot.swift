import ZinxTLS
import ZinxWire

/// What there is to say of a connection at one moment, for whoever looks at a running server. A value: it keeps no connection.
public struct ConnectionSnapshot: Sendable, Hashable {
  public var id: UInt64
  public var peer: SocketAddress
  /// The name of the listener that it came in by.
  public var listener: String
  /// Whose connection it is: see ``Users``; nil without a user.
  public var user: String?
  /// Time since it was accepted.
  public var age: Duration
  /// Time since bytes came from the peer, or since it was accepted.
  public var idle: Duration
  /// Whole messages that came, handled or not.
  public var messagesReceived: UInt64
  /// What the socket, of TLS the session, has yielded.
  public var bytesReceived: UInt64
  /// Messages of which the kernel has taken the last byte.
  public var messagesSent: UInt64
  public var bytesSent: UInt64
  /// Messages that wait for the peer to take them.
  public var queuedMessages: Int
  public var queuedBytes: Int
  /// Which worker runs its requests, from 0; nil: its event loop.
  public var worker: Int?
  /// Whether user code of it runs, or is suspended.
  public var isBusy: Bool
  /// Whether its end has begun.
  public var isEnding: Bool
  /// The names of the groups that it is a member of.
  public var groups: [String]
  /// Properties that say how they are shown, by name: see ``PropertyKey/shownName``.
  public var properties: [ShownProperty]
  /// How its messages are cut out of the bytes.
  public var framing: Framing
  /// What the handshake has settled; nil on a plain connection.
  public var tls: TLSInfo?
  /// The path by which it has become a WebSocket; nil on others.
  public var webSocketPath: String?
}

/// A property of a connection, in words.
public struct ShownProperty: Sendable, Hashable {
  public var name: String
  public var text: String

  public init(name: String, text: String) { (self.name, self.text) = (name, text) }
}

/// What is kept of a connection that has ended.
public struct EndedConnection: Sendable, Hashable {
  public var id: UInt64
  public var peer: SocketAddress
  /// The name of the listener that it came in by.
  public var listener: String
  public var user: String?
  public var reason: CloseReason
  /// Why, in words, where somebody has said so: see ``Connection/closeText``.
  public var text: String?
  /// What could not be taken of the peer's bytes.
  public var fault: WireFault?
  /// From when it was accepted until its descriptor was closed.
  public var duration: Duration
  /// Time since then.
  public var ago: Duration
  public var messagesReceived: UInt64
  public var bytesReceived: UInt64
  public var messagesSent: UInt64
  public var bytesSent: UInt64
}
