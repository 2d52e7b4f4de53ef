import Zinx

/// What the file does not say.
extension Translation {
  mutating func addDefaults() {
    var added: [String] = []
    for (name, standard) in GoDefaults.all where values[name] == nil {
      values[name] = standard
      added.append("\(name) \(standard.jsonText)")
    }
    guard !added.isEmpty else { return }
    note(.added, at: nil, "the defaults of Go Zinx, which are not those of zinxd everywhere: \(added.joined(separator: ", "))")
  }

  /// A file has one of the two ways to say who listens where.
  mutating func leaveShortForm() {
    guard values["Listeners"] != nil else { return }
    for name in ShortForm.keys where values.removeValue(forKey: name) != nil {
      note(.dropped, at: nil, "\(name) is left out: Listeners says who listens where")
    }
  }

  /// What no Mode opens, as in Go; and of two listeners on one port the one for WebSockets.
  mutating func leaveClosed() {
    guard let mode = values["Mode"] else {
      for name in ["WsPort", "WsPath"] where values.removeValue(forKey: name) != nil {
        note(
          .dropped, at: nil, "\(name) is left out: without a Mode that says \"websocket\", or \"\" for both, Go does not open it")
      }
      return
    }
    var server = ServerConfiguration()
    for case .integer(let port)? in [values["TcpPort"]?.content] { server.port = UInt16(clamping: port) }
    for case .integer(let port)? in [values["WsPort"]?.content] { server.webSocketPort = UInt16(clamping: port) }
    for case .string(let word) in [mode.content] { server.mode = ListeningMode(rawValue: word) ?? .tcp }
    guard ShortForm.clashes(server) else { return }
    values["Mode"] = ConfigurationValue(.string("tcp"))
    note(
      .choose, at: nil,
      "Mode is \"tcp\": TcpPort and WsPort are both \(server.port); give one of them another port, and write it \"\"")
  }

  /// A certificate without a key says nothing, nor the other way round. Go Zinx takes that, and an empty path, for no TLS.
  mutating func leaveHalves() {
    let pair = ["CertFile", "PrivateKeyFile"]
    let given = pair.filter { values[$0].map { !$0.isEmpty } ?? false }
    guard given.count < pair.count else { return }
    for name in pair where values.removeValue(forKey: name) != nil {
      note(.dropped, at: nil, "\(name) is left out: TLS takes a CertFile and a PrivateKeyFile")
    }
  }

  mutating func noteHeader() {
    guard !members.contains(where: { Option.named($0.key)?.name == "DataPack" && $0.value.content != .null }) else { return }
    if let version = taughtVersion {
      values["DataPack"] = ConfigurationValue(.string("ltv-le"))
      note(
        .choose, at: nil,
        "DataPack is \"ltv-le\", because Version is \(version): what Zinx V0.5 to V1.0 speak as taught. \(Self.advice)")
    } else {
      note(.choose, at: nil, "DataPack is \"tlv-be\", what Zinx V1.1 and later speak; the file cannot say. \(Self.advice)")
    }
  }

  /// How to find the order of the header in the Go code.
  private static let advice =
    "To find out, look at Pack in the Go code (grep -rn 'binary.Write\\|PutUint32' --include='*.go' .): length first and "
    + "LittleEndian is \"ltv-le\", id first and BigEndian \"tlv-be\", id first and LittleEndian \"tlv-le\". Without a Pack of its own, "
    + "github.com/aceld/zinx of v1.1 or later in go.mod is \"tlv-be\", unless the code names ZinxDataPackOld or LTV_Little: \"ltv-le\""

  /// The version that the file says it is for, if that is before V1.0; V1.0 is what all later ones say.
  private var taughtVersion: String? {
    for member in members where asciiLowercased(member.key) == "version" {
      if case .string(let text) = member.value.content, asciiLowercased(text).hasPrefix("v0.") { return quotedBriefly(text) }
    }
    return nil
  }

  mutating func notePlugins() {
    guard values["Plugins"] == nil else { return }
    note(
      .choose, at: nil,
      "Plugins is left out: those that are on by default answer id 0 and 1, and send id 2 to every new connection; "
        + "with \"Plugins\": {} none is on")
  }
}

/// What Go Zinx takes for a key that is not in the file.
enum GoDefaults {
  static let all: [(name: String, value: ConfigurationValue)] = [
    ("Name", .string("ZinxServerApp")), ("Host", .string("0.0.0.0")), ("TcpPort", .integer(8999)), ("MaxConn", .integer(12000)),
    ("MaxPacketSize", .integer(4096)), ("WorkerPoolSize", .integer(10)), ("MaxWorkerTaskLen", .integer(1024)),
    ("MaxMsgChanLen", .integer(1024)), ("DataPack", .string("tlv-be")),
  ].map { (name: String, content: ConfigurationValue.Content) in (name, ConfigurationValue(content)) }

  static func value(of name: String) -> ConfigurationValue? { all.first { $0.name == name }?.value }
}
