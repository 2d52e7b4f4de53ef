import Logging
import Zinx
import ZinxWire

extension Option {
  /// Every key of `zinx.json`, in the order of the manual. The defaults are those of ``ServerConfiguration``.
  ///
  /// The upper limits are far beyond what one machine can use; they catch the slip of a finger and keep sums of them from overflowing.
  public static var all: [Option] { options }

  /// The option with this key, in any case.
  public static func named(_ key: String) -> Option? { byFoldedName[asciiLowercased(key)] }
}

private let options: [Option] = [
  Option(
    "Name", \.server.name, .string("printable text of 1 to 64 bytes", where: isName), reload: false,
    "Server name, in logs and status"),
  Option(
    "Host", \.server.host, .string("an address or a host name", where: ListenAddress.isHost), reload: true,
    "Address or host name to bind, IPv4 or IPv6; a name with all its addresses that are this machine's"),
  Option(
    "TcpPort", \.server.port, .integer(in: 0...65535), reload: true,
    "TCP port; 0 asks the kernel for one, and the log says which"),
  Option(
    "Mode", \.server.mode, .listeningMode, reload: true,
    "Which listeners there are on Host: tcp the one on TcpPort, websocket the one on WsPort, an empty string both"),
  Option(
    "WsPort", \.server.webSocketPort, .integer(in: 0...65535), reload: true,
    "Port for WebSockets, where Mode opens it; 0 asks the kernel for one. More of them has Transport of a listener"),
  Option("WsPath", \.server.webSocketPath, .path, reload: true, "Path on WsPort at which clients become WebSockets"),
  Option(
    "CertFile", \.server.certFile, .file, reload: true, absence: "plain connections",
    "TLS on TcpPort and WsPort, with this certificate in PEM; more of TLS has Tls of a listener"),
  Option(
    "PrivateKeyFile", \.server.privateKeyFile, .file, reload: true, absence: "plain connections",
    "The key of CertFile in PEM, without a passphrase"),
  .listeners,
  Option(
    "MaxConn", \.server.maxConn, .integer(in: 1...1_000_000), unit: "connections", reload: true,
    "Connections at once; lowering it closes none, but admits none until their number has fallen"),
  Option(
    "MaxPacketSize", \.server.maxPacketSize, .integer(in: 1...1_073_741_824), unit: "bytes", reload: true,
    "Data in one message from a peer; a longer one closes its connection"),
  Option(
    "WorkerPoolSize", \.server.workerPoolSize, .integer(in: 0...1024), unit: "threads", reload: false,
    "Worker threads that run the handlers; 0 runs them on the event loops, for handlers that never block"),
  Option(
    "MaxWorkerTaskLen", \.server.maxWorkerTaskLen, .integer(in: 1...1_000_000), unit: "requests", reload: true,
    "Requests queued on one worker; beyond it the connections that feed it are not read"),
  Option(
    "MaxMsgChanLen", \.server.maxMsgChanLen, .integer(in: 1...1_000_000), unit: "messages", reload: true,
    "Messages queued for one peer; beyond it senders wait"),
  Option(
    "MaxConnQueueBytes", \.server.maxConnQueueBytes, .integer(in: 1...1_073_741_824), unit: "bytes", reload: true,
    "Data queued for one peer; beyond it senders wait. A message that is larger passes when nothing else is queued"),
  Option(
    "MaxQueueBytes", \.server.maxQueueBytes, .integer(in: 0...1_099_511_627_776), unit: "bytes", reload: true,
    "Memory for what is queued for all peers; beyond it the connections with the most are closed. 0 means no limit"),
  .framing,
  Option(
    "OverloadPolicy", \.server.overloadPolicy, .choice, reload: true,
    "What happens to a connection beyond MaxConn: it is closed at once, or waits in the kernel's backlog"),
  Option(
    "MaxConnPerIP", \.server.maxConnPerIP, .integer(in: 0...1_000_000), unit: "connections", reload: true,
    "Connections at once from one IPv4 address or one /64 of IPv6, closed at once beyond it; 0 means no limit"),
  Option(
    "AcceptRate", \.server.acceptRate, .integer(in: 0...1_000_000), unit: "connections per second", reload: true,
    "Connections let in per second; those beyond it wait in the kernel's backlog; 0 means no limit"),
  Option(
    "ReservedDescriptors", \.server.reservedDescriptors, .integer(in: 0...1_000_000), unit: "descriptors", reload: true,
    "Open files kept for everything that is not a client's connection; where they are short MaxConn is lowered"),
  Option(
    "Allow", \.server.allow, .networks, reload: true,
    "Networks that may connect, others are closed at once; an empty list means everybody"),
  Option(
    "Deny", \.server.deny, .networks, reload: true,
    "Networks whose connections are closed at once, also those in Allow"),
  Option(
    "IOThreads", \.server.ioThreads, .integer(in: 0...256), unit: "threads", reload: false,
    "Event loops; 0 means one for each CPU that the process may run on"),
  Option(
    "IdleTimeout", \.server.idleTimeout, .seconds(in: .zero...year), unit: "seconds", reload: true,
    "Time without a byte from the peer after which its connection is closed; 0 means never"),
  Option(
    "FirstByteTimeout", \.server.firstByteTimeout, .seconds(in: .zero...day), unit: "seconds", reload: true,
    "Time for a new connection to send its first byte; 0 means never, since clients that only listen are legitimate"),
  Option(
    "FrameTimeout", \.server.frameTimeout, .seconds(in: .zero...day), unit: "seconds", reload: true,
    "Time for a message that has begun: for its header, and at MinFrameRate beyond it for its data; 0 means never"),
  Option(
    "MinFrameRate", \.server.minFrameRate, .integer(in: 0...1_000_000_000), unit: "bytes per second", reload: true,
    "Least speed at which a peer sends the data of a message, FrameTimeout aside, and takes what is queued for it; 0 means any"),
  Option(
    "DrainTimeout", \.server.drainTimeout, .seconds(in: .zero...day), unit: "seconds", reload: true,
    "Time for connections to finish at shutdown; what is left then is closed"),
  Option(
    "HandoverTimeout", \.server.handoverTimeout, .seconds(in: .zero...hour), unit: "seconds", reload: true,
    "Time for handlers to end when another program takes over; a connection with one that does not is closed by that"),
  Option(
    "LingerTimeout", \.server.lingerTimeout, .seconds(in: .zero...hour), unit: "seconds", reload: true,
    "Time for a peer to close after the server has shut down its side"),
  Option(
    "SlowConsumerTimeout", \.server.slowConsumerTimeout, .seconds(in: .milliseconds(1)...day), unit: "seconds", reload: true,
    "Time without progress after which a peer that does not read is closed"),
  Option(
    "VanishedTimeout", \.server.vanishedTimeout, .seconds(in: .zero...day), unit: "seconds", reload: true,
    "Time without an answer from a peer's machine after which its connection is given up; 0 means never; fixed when accepted"),
  Option(
    "MaxMsgRate", \.server.maxMsgRate, .integer(in: 0...1_000_000_000), unit: "messages per second", reload: true,
    "Messages that are read from one connection, after those of one second at once; beyond it reading rests; 0 means no limit"),
  Option(
    "MaxByteRate", \.server.maxByteRate, .integer(in: 0...1_000_000_000), unit: "bytes per second", reload: true,
    "Bytes that are read from one connection, after those of one second at once; beyond it reading rests; 0 means no limit"),
  Option(
    "MetricsAddress", \.metricsAddress, .optional(metricsAddress), reload: false, absence: "off",
    "Where metrics (/metrics) and health (/healthz, /readyz) are asked for by HTTP, without TLS or a password; port 0 asks the kernel for one"
  ),
  Option("LogLevel", \.logLevel, .choice, reload: true, "Least severe level that is logged"),
  Option(
    "ControlSocket", \.controlSocket, .controlSocket, reload: false,
    absence: "control.sock in the runtime directory, none outside systemd",
    "UNIX socket on which zinxctl and systemctl reload ask the daemon, for root and the user of the service; off means none"),
  .nats,
  Option(
    "Plugins", \.plugins, .plugins, reload: false, absence: "the default plugins",
    "Exactly the plugins that are on, each with its settings"),
  Option(
    "Custom", \.custom, .ignored, reload: true,
    "What others keep in the file, such as the application behind the server: it is never looked at"),
]

private let byFoldedName = Dictionary(options.map { (asciiLowercased($0.name), $0) }) { first, _ in first }

private let metricsAddress: SettingRule<ListenAddress> = .address(
  #"an address such as "127.0.0.1:9117", "[::1]:9117", "name:9117", "unix:/run/metrics.sock" or "unix:@name""#)
private let hour = Duration.seconds(3600)
private let day = hour * 24
let year = day * 365

@Sendable func isName(_ text: String) -> Bool {
  (1...64).contains(text.utf8.count) && text.unicodeScalars.allSatisfy(\.isPrintable)
}

extension SettingRule where Value == ListeningMode {
  /// As Go Zinx spells them, which has one more.
  fileprivate static var listeningMode: Self {
    let choice = Self.choice
    return Self(
      type: choice.type, allowed: choice.allowed, read: choice.read, write: choice.write,
      faults: { value in
        guard value.content == .string("kcp") else { return [] }
        return [
          SettingFault(value: value, reason: "KCP is not spoken here: \(choice.allowed) is what there is, the last for both")
        ]
      })
  }
}

extension SettingRule where Value == Ignored {
  /// An object of anything.
  fileprivate static var ignored: Self {
    Self(
      type: "object", allowed: "an object",
      read: { if case .object = $0.content { Ignored() } else { nil } },
      write: { _ in nil })
  }
}

extension SettingRule where Value == [PluginEntry]? {
  /// Plugin names and their settings. Whether the names are known is checked where the compiled-in ones are.
  fileprivate static var plugins: Self {
    Self(
      type: "object", allowed: "an object: plugin name to its settings",
      read: { value in
        guard case .object(let members) = value.content else { return nil }
        return .some(members.map { PluginEntry(name: $0.key, position: $0.position, settings: $0.value) })
      },
      write: { entries in
        entries.map { ConfigurationValue(.object($0.map { ConfigurationMember(key: $0.name, value: $0.printable) })) }
      })
  }
}

extension SettingRule where Value == String? {
  /// Where the daemon is asked; the kernel takes 107 bytes.
  fileprivate static var controlSocket: Self {
    Self(
      type: "string", allowed: "a path that begins with / or @ and has at most 107 bytes, or \"off\"",
      read: { value in
        guard case .string(let text) = value.content else { return nil }
        let isPath = (text.hasPrefix("/") || text.hasPrefix("@")) && (2...107).contains(text.utf8.count) && !text.utf8.contains(0)
        return text == "off" || isPath ? .some(text) : nil
      },
      write: { $0.map { ConfigurationValue(.string($0)) } })
  }
}
