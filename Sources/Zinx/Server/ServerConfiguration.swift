import ZinxTLS
import ZinxWire

/// What to do with a connection that arrives while `maxConn` are live.
public enum OverloadPolicy: String, Sendable, CaseIterable {
  /// Accept and close it at once: the client learns it now.
  case reject
  /// Leave it in the kernel's backlog until a place is free.
  case wait
}

/// Which of the two listeners are open that a configuration has without ``ServerConfiguration/endpoints``.
public enum ListeningMode: String, Sendable, CaseIterable {
  /// The one on ``ServerConfiguration/port``.
  case tcp
  /// The one for WebSockets, on ``ServerConfiguration/webSocketPort``.
  case webSocket = "websocket"
  /// Both.
  case both = ""
}

/// The settings of a ``Server``. The defaults are those of `zinx.json`.
public struct ServerConfiguration: Sendable, Equatable {
  /// Server name, in logs and status.
  public var name = "zinxd"
  private var listening = Listening()
  /// Connections live at once, at least 1.
  public var maxConn = 12000
  /// Bytes of data in one message from a peer.
  public var maxPacketSize: UInt32 = 4096
  /// Worker threads; 0 runs handlers on the event loops.
  public var workerPoolSize = 10
  /// Requests queued on one worker.
  public var maxWorkerTaskLen = 1024
  /// Messages queued for one peer.
  public var maxMsgChanLen = 1024
  /// Bytes queued for one peer; the message that reaches them is queued as a whole.
  public var maxConnQueueBytes = 16 << 20
  /// Bytes of memory for what is queued for all peers; beyond them those with the most are closed. 0 means no limit.
  public var maxQueueBytes = 512 << 20
  /// How messages are cut out of the bytes where a listener has no framing of its own.
  public var framing = Framing.zinx(.ltvLittleEndian)
  /// What happens to connections beyond `maxConn`.
  public var overloadPolicy = OverloadPolicy.reject
  /// Connections at once from one IPv4 address, or from one /64 of IPv6; 0 means no limit.
  public var maxConnPerIP = 0
  /// Connections let in per second; those beyond it wait in the kernel's backlog. 0 means no limit.
  public var acceptRate = 0
  /// Descriptors kept for everything that is not a client's connection; `maxConn` gives way to them.
  public var reservedDescriptors = 64
  /// Networks that may connect; empty means everybody.
  public var allow: [Network] = []
  /// Networks that may not connect, also when they are in `allow`.
  public var deny: [Network] = []
  /// Event loops; 0 means one for each CPU the process may run on.
  public var ioThreads = 0
  /// Time without a byte from the peer after which its connection is closed; zero means never.
  public var idleTimeout = Duration.zero
  /// Time that a drain may take before what is left is cut.
  public var drainTimeout = Duration.seconds(25)
  /// Time that handlers have to end when another program takes over; the connections of those that do not are ended by it.
  public var handoverTimeout = Duration.seconds(5)
  /// Time that a peer is given to close after we have shut down our side.
  public var lingerTimeout = Duration.seconds(2)
  /// Time from the beginning of a connection to the first byte from its peer; zero means never. For servers whose clients speak first:
  /// one that only listens is closed too.
  public var firstByteTimeout = Duration.zero
  /// Time for a message that has begun to arrive: its header must be whole within it, its data at `minFrameRate` beyond it; zero means
  /// never. Only time in which the server waits for the peer counts.
  public var frameTimeout = Duration.seconds(30)
  /// Bytes a second: what a peer must send at least of a message that has begun, once `frameTimeout` is over, and take of what is queued
  /// for it; 0 allows no more than `frameTimeout` for a whole message, and any progress to a peer that reads slowly.
  public var minFrameRate = 256
  /// Time without progress after which a peer that does not read is closed.
  public var slowConsumerTimeout = Duration.seconds(10)
  /// Time without an answer from a peer's machine after which the kernel gives it up; zero means never. Counts for connections that are
  /// accepted after it was set.
  public var vanishedTimeout = Duration.seconds(120)
  /// Messages a second that are read from one connection, after those of one second at once; 0 means no limit.
  public var maxMsgRate = 0
  /// Bytes a second that are read from one connection, after those of one second at once; 0 means no limit.
  public var maxByteRate = 0

  public init() {}
}

extension ServerConfiguration {
  /// Address or host name to bind, IPv4 or IPv6, a name with all its addresses; where there are no ``endpoints``.
  public var host: String {
    get { listening.host }
    set { listening.host = newValue }
  }

  /// TCP port, where there are no ``endpoints``; 0 asks the kernel for one.
  public var port: UInt16 {
    get { listening.port }
    set { listening.port = newValue }
  }

  /// Which listeners there are, where there are no ``endpoints``.
  public var mode: ListeningMode {
    get { listening.mode }
    set { listening.mode = newValue }
  }

  /// The port of the listener for WebSockets, if ``mode`` opens it; 0 asks the kernel for one.
  public var webSocketPort: UInt16 {
    get { listening.webSocketPort }
    set { listening.webSocketPort = newValue }
  }

  /// Its path: see ``Endpoint/path``.
  public var webSocketPath: String {
    get { listening.webSocketPath }
    set { listening.webSocketPath = newValue }
  }

  /// The certificate of TLS in PEM, where there are no ``endpoints``; empty for plain connections.
  public var certFile: String {
    get { listening.certFile }
    set { listening.certFile = newValue }
  }

  /// The key of ``certFile`` in PEM.
  public var privateKeyFile: String {
    get { listening.privateKeyFile }
    set { listening.privateKeyFile = newValue }
  }

  /// The order of the header where frames are Zinx's, as ``framing`` says; nil for frames of others. To set nil is to set the default.
  public var dataPack: DataPack? {
    get { framing.dataPack }
    set { framing = .zinx(newValue ?? .ltvLittleEndian) }
  }

  /// The listeners, each with a name of its own. Empty means those on ``host`` that ``mode`` opens: ``Endpoint/defaultName`` on ``port``,
  /// ``Endpoint/webSocketName`` on ``webSocketPort``.
  public var endpoints: [Endpoint] {
    get { listening.endpoints }
    set { listening.endpoints = newValue }
  }

  /// The listeners in either form.
  package var allEndpoints: [Endpoint] { listening.all }

  /// Both forms of saying who listens where; equal if they say the same.
  private struct Listening: Sendable, Equatable {
    var host = "0.0.0.0"
    var port: UInt16 = 7777
    var mode = ListeningMode.tcp
    var webSocketPort: UInt16 = 9000
    var webSocketPath = "/"
    var certFile = ""
    var privateKeyFile = ""
    var endpoints: [Endpoint] = []

    var all: [Endpoint] {
      guard endpoints.isEmpty else { return endpoints }
      return switch mode {
      case .tcp: [one]
      case .webSocket: [ofWebSockets]
      case .both: [one, ofWebSockets]
      }
    }

    private var one: Endpoint { onHost(Endpoint.defaultName, port) }

    private var ofWebSockets: Endpoint {
      var endpoint = onHost(Endpoint.webSocketName, webSocketPort)
      (endpoint.transport, endpoint.path) = (.webSocket, webSocketPath)
      return endpoint
    }

    private func onHost(_ name: String, _ port: UInt16) -> Endpoint {
      var endpoint = Endpoint(name: name, .tcp(host: host, port: port))
      if !certFile.isEmpty { endpoint.tls = TLSConfiguration(certFile: certFile, privateKeyFile: privateKeyFile) }
      return endpoint
    }

    static func == (one: Self, other: Self) -> Bool { one.all == other.all }
  }
}
