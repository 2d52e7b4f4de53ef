import ZinxTLS
import ZinxWire

/// The settings of a ``Client``.
public struct ClientConfiguration: Sendable, Hashable {
  /// How messages are cut out of the bytes. Where frames are not Zinx's, what is sent is a whole frame, as on a server.
  public var framing = Framing.zinx(.ltvLittleEndian)
  /// The order of the header's fields and bytes that the server speaks, as ``framing`` says; nil for frames of others. To set nil is to set
  /// the default.
  public var pack: DataPack? {
    get { framing.dataPack }
    set { framing = .zinx(newValue ?? .ltvLittleEndian) }
  }
  /// TLS, where the address says that it is spoken. The server's certificate is verified unless ``TLSClientConfiguration/verifiesServer`` says
  /// otherwise. Files are read at a connect, at most once a second.
  public var tls = TLSClientConfiguration()
  /// Bytes of data in one received message, or of a whole frame that is not Zinx's; one that announces more ends the connection.
  public var maxPacketSize: UInt32 = 16 << 20
  /// Bytes of received messages that may wait in ``Client/messages``. Once there are as many, the socket is not read until some are
  /// taken, so that the server feels it. One message may go beyond it, and every message counts 64 bytes more than its data.
  public var maxUnreadBytes = 1 << 20
  /// Time to look the name up, to connect, and for the handshakes of TLS and WebSocket, over all of the host's addresses.
  public var connectTimeout = Duration.seconds(10)
  /// Time that ``Client/close()`` gives the peer to read what was sent, and to close too.
  public var closeTimeout = Duration.seconds(5)

  /// What is done with heartbeats; nil means nothing: their id is one as any other.
  public var heartbeat: Heartbeat? = Heartbeat()

  /// Messages that say no more than that their sender is there, as the plugin `heartbeat` of zinxd and Go Zinx exchange them. Without
  /// times they are only answered.
  public struct Heartbeat: Sendable, Hashable {
    /// The message id, of those that come and of those that are sent; Go Zinx's unless set.
    public var id: UInt32 = 99_999
    /// Whether one that comes is sent back, with its data, at most once a second and unless it is an answer.
    public var answers = true
    /// Time in which nothing was sent, or nothing has come, after which one is sent, and again each time that it passes; zero means never.
    public var interval = Duration.zero
    /// Time in which nothing has come after which the server is given up, with ``Client/CloseReason/heartbeatLost``; zero means never.
    /// One that is not ``shortestGrace`` longer than ``interval`` is taken as that long, since servers answer once a second at most and live
    /// ones would be given up. Time in which ``Client/messages`` are not taken does not count.
    public var timeout = Duration.zero
    /// How much longer than ``interval`` a ``timeout`` has to be for a live server to be heard in time: two seconds.
    public static let shortestGrace = Duration.seconds(2)
    /// Whether a live server, which answers once a second at most, is always heard in time.
    public var isKeptByAnswers: Bool { timeout == .zero || timeout >= interval + Self.shortestGrace }
    /// ``timeout``, or the shortest that live servers can keep.
    var keptTimeout: Duration { timeout <= .zero ? .zero : max(timeout, max(.zero, interval) + Self.shortestGrace) }
    /// Whether ``Client/messages`` has heartbeats too.
    public var isDelivered = false

    /// - Parameters: see the properties of these names.
    public init(interval: Duration = .zero, timeout: Duration = .zero) { (self.interval, self.timeout) = (interval, timeout) }
  }

  /// The defaults, in the given order of the header.
  public init(pack: DataPack = .ltvLittleEndian) { framing = .zinx(pack) }

  /// The defaults, for frames of any kind; without heartbeats where those are not Zinx's.
  public init(framing: Framing) {
    self.framing = framing
    if framing.dataPack == nil { heartbeat = nil }
  }
}
