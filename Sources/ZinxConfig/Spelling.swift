import Zinx

/// What keys are called in tutorials and forks of Go Zinx, each of which has a configuration of its own.
enum Spelling {
  /// What a key of another file stands for.
  enum Meaning {
    case option(Option)
    /// An address that may have a port: `Host` and `TcpPort`.
    case address
    case foreign(ForeignKey)
  }

  /// The meaning of a key, written with or without capitals, hyphens and underscores; nil when nobody is known to use it.
  static func meaning(of key: String) -> Meaning? { meanings[folded(key)] }

  /// What whoever wrote `key` is to write, in a clause: our key most likely meant or, as a key that has no meaning here would only lead on
  /// to another error, what to use instead.
  static func hint(for key: String) -> String? {
    func meant(_ name: String) -> String { "did you mean \"\(name)\"?" }
    return switch meaning(of: key) {
    case .option(let option): meant(option.name)
    case .address: meant("Host")
    case .foreign where isInterval(key): "Interval and Timeout of the plugin heartbeat are for this"
    case .foreign(let foreign): foreign.advice
    case nil: nearestName(to: key, among: Option.all.map(\.name)).map(meant)
    }
  }

  /// Whether it is about heartbeats and may say how often somebody sends one, which is no time-out.
  static func isInterval(_ key: String) -> Bool {
    let folded = folded(key)
    return folded.hasPrefix("heart") && !folded.contains("max") && !folded.contains("timeout")
  }

  /// Of several spellings of one option in a file the one that is listed first counts: what a fork calls a maximum may be a limit for
  /// the other.
  static func rank(of key: String) -> Int { ranks[folded(key)] ?? .max }

  private static let others: [(name: String, spellings: [String])] = [
    ("Name", ["ServerName", "AppName"]),
    ("Host", ["IP", "IPAddress", "ServerIP", "ServerHost", "ListenIP", "ListenHost", "BindIP", "BindHost"]),
    ("TcpPort", ["Port", "ServerPort", "TcpServerPort", "ListenPort", "BindPort"]),
    (
      "MaxConn",
      [
        "MaxConnection", "MaxConnections", "MaxConnNum", "MaxConnCount", "MaxConnSize", "MaxConnLen", "MaxConns", "MaxClient",
        "MaxClients", "MaxClientNum",
      ]
    ),
    (
      "MaxPacketSize",
      [
        "MaxPackageSize", "MaxPackages", "MaxPackage", "MaxPackets", "MaxPacket", "MaxPackSize", "MaxPkgSize", "MaxPackerSize",
        "MaxPacketLen", "MaxPackageLen", "MaxPkgLen", "MaxMsgSize", "MaxMsgLen", "MaxMessageSize", "MaxMessageLen", "MaxDataSize",
        "MaxDataLen", "TcpMaxPacketSize", "PackageSize", "PacketSize", "MaxReadSize",
      ]
    ),
    (
      "WorkerPoolSize",
      [
        "WorkPoolSize", "WorkerPollSize", "WorkPollSize", "TcpWorkerPoolSize", "TaskWorkerPoolSize", "TaskPoolSize", "WorkerSize",
        "WorkerNum", "WorkerCount", "Workers", "PoolSize", "MaxWorkerPoolSize", "MaxWorkPoolSize", "MaxPoolSize", "MaxWorkers",
        "MaxWorkerNum",
      ]
    ),
    (
      "MaxWorkerTaskLen",
      [
        "MaxWorkTaskLen", "MaxWorkerTaskSize", "MaxWorkTaskSize", "TcpMaxWorkerTaskLen", "MaxTaskLen", "MaxTaskSize",
        "MaxTaskQueueSize", "MaxTaskQueueLen", "MaxTaskChanLen", "MaxTaskNum", "WorkerTaskLen", "WorkTaskLen", "TaskLen",
        "TaskQueueSize", "TaskQueueLen", "MaxWorkerQueueSize", "WorkerQueueSize", "QueueSize", "QueueLen", "MaxQueueSize",
        "MaxQueueLen",
      ]
    ),
    (
      "MaxMsgChanLen",
      [
        "MaxMsgChanSize", "MaxMsgBuffSize", "MaxMsgBufSize", "MaxMsgBuffLen", "MaxMsgBufLen", "MaxMsgBuffChanLen", "MsgChanLen",
        "MsgChanSize", "MsgBuffSize", "MsgBuffLen", "SendQueueSize", "SendQueueLen", "SendChanLen", "WriteChannelBuffer",
      ]
    ),
    ("IOThreads", ["IOWorkerPoolSize"]),
    ("IdleTimeout", ["MaxConnIdleTime", "MaxIdleTime", "ConnIdleTime", "IdleTime"]),
    ("DataPack", ["DataPackType", "PackType", "PacketName"]),
    ("LogLevel", ["LoggerLevel"]),
    (
      "HeartbeatMax",
      [
        "HeartbeatTimeout", "HeartbeatTime", "HeartbeatInterval", "HeartbeatMaxTime", "HeartbeatRate", "HeartRateInSecond",
        "Heartbeat",
      ]
    ),
  ]

  private static let addresses = ["Addr", "Address", "ServerAddr", "ServerAddress", "ListenAddr", "ListenAddress", "BindAddr"]

  private static let meanings: [String: Meaning] = {
    var meanings: [String: Meaning] = [:]
    for address in addresses { meanings[folded(address)] = .address }
    for (name, spellings) in others {
      let own = Option.named(name).map { Meaning.option($0) } ?? ForeignKey.named(name).map { Meaning.foreign($0) }
      for spelling in spellings { meanings[folded(spelling)] = own }
    }
    // Last: a spelling of one key can become the name of another.
    for key in ForeignKey.all { meanings[folded(key.name)] = .foreign(key) }
    for option in Option.all { meanings[folded(option.name)] = .option(option) }
    return meanings
  }()

  private static let ranks: [String: Int] = {
    let spellings = Option.all.map(\.name) + ForeignKey.all.map(\.name) + addresses + others.flatMap(\.spellings)
    return Dictionary(spellings.enumerated().map { (folded($1), $0) }) { first, _ in first }
  }()

  private static func folded(_ key: String) -> String {
    asciiLowercased(key).filter { $0 != "_" && $0 != "-" && $0 != "." && $0 != " " }
  }
}
