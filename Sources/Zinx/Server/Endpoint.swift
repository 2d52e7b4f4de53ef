import ZinxTLS
import ZinxWire

/// What carries the bytes of messages.
public enum Transport: String, Sendable, CaseIterable {
  case tcp
  /// WebSocket (RFC 6455): the payload of a client's binary messages is what it would send on TCP, and each message of ours is one.
  case webSocket = "websocket"
}

/// Whether a listener wants to be told by proxies whose connections they pass on: see ``ZinxWire/ProxyHeader``.
public enum ProxyProtocol: String, Sendable, CaseIterable {
  /// A peer is who has connected.
  case off
  /// A header of either version stands in front of everything. The address that it tells is that of the peer, also for limits at the door.
  case require
}

/// A listener, as the configuration wants it: where it listens, what is spoken there, and rules of its own in place of the server's.
public struct Endpoint: Sendable, Equatable {
  /// The name of the listener of a configuration without any endpoints.
  public static let defaultName = "zinx"
  /// The name of the one for WebSockets of such a configuration.
  public static let webSocketName = "ws"
  /// Connections that the kernel completes before they are accepted, if it is not told otherwise.
  public static let defaultBacklog = 4096

  /// Unique among the endpoints of a server; in logs and events, and what systemd's `FileDescriptorName=` of a passed socket matches.
  public var name: String
  public var address: ListenAddress
  /// `[::]` leaves IPv4 alone, so that another listener may have it.
  public var v6Only = false
  /// Permissions of a UNIX socket in the file system.
  public var mode: UInt16 = 0o660
  /// How messages are cut out of the bytes; nil: that of the server.
  public var framing: Framing?
  /// Connections that come in here and are live at once, a part of the server's `maxConn`; nil: no limit but that.
  public var maxConn: Int?
  /// Connections that the kernel completes before they are accepted, 1 at least; it lowers this to `net.core.somaxconn`.
  public var backlog = defaultBacklog
  /// Bytes of data in one message; nil: that of the server.
  public var maxPacketSize: UInt32?
  /// Time without a byte from the peer after which its connection is closed, zero for never; nil: that of the server.
  public var idleTimeout: Duration?
  /// Networks that may connect, empty for everybody; nil: those of the server.
  public var allow: [Network]?
  /// Networks that may not connect; nil: those of the server.
  public var deny: [Network]?
  /// The plugins whose routes, middleware and hooks those who come in here meet, by their names; nil: all of the server. What is
  /// registered by no plugin is everywhere. Two plugins may want the same messages if no listener has both.
  public var plugins: [String]?

  /// What carries the bytes of messages.
  public var transport = Transport.tcp
  /// The path of the request by which a client becomes a WebSocket; as it is written there, without a query.
  public var path = "/"
  /// Of web pages whose scripts may come in by WebSocket, `https://game.example`, or `*` for all; empty for those of the host that they ask.
  public var origins: [String] = []
  /// Of those that a WebSocket offers the first that is here is agreed on.
  public var subprotocols: [String] = []
  /// Whether those who come are proxies, which tell whose connection it is before anything else, TLS included.
  public var proxyProtocol = ProxyProtocol.off
  /// The proxies: with ``ProxyProtocol/require`` nobody else comes in, and without networks here nobody at all. For WebSockets without that
  /// they are those whose `X-Forwarded-For` is believed. A peer on a UNIX socket is in none.
  public var trustedProxies: [Network] = []
  /// TLS; nil for plain connections.
  public var tls: TLSConfiguration?

  public init(name: String = defaultName, _ address: ListenAddress) {
    self.name = name
    self.address = address
  }

  /// Order of the message header, where frames are Zinx's; nil: that of the server, or frames of others.
  public var dataPack: DataPack? {
    get { framing?.dataPack }
    set { framing = newValue.map(Framing.zinx) }
  }

  /// What WebSockets are let in by; nil for another transport.
  var webSocketRules: WebSocketRules? {
    guard transport == .webSocket else { return nil }
    var rules = WebSocketRules()
    (rules.path, rules.origins, rules.subprotocols) = (path, origins, subprotocols)
    return rules
  }

  /// What sockets are opened for, in words that another program compares.
  var addressText: String {
    switch address {
    case .tcp(let host, let port): "tcp \(host) \(port)\(v6Only ? " v6" : "")"
    default: "\(address)"
    }
  }

  /// Whether sockets that were opened for the other do for this one.
  func hasSockets(of other: Endpoint) -> Bool { address == other.address && v6Only == other.v6Only }
}
