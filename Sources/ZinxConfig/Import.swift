import Zinx

/// The `zinx.json` that means the same as a file of Go Zinx, of a tutorial or of a fork, and what became of each key.
public struct Import: Sendable, Equatable {
  /// The file, keys in the order of the manual.
  public let text: String
  /// By position in the file; what stands nowhere comes last.
  public let notes: [ImportNote]

  /// Translates a file. Pure.
  ///
  /// - Parameters:
  ///   - knownPlugins: the names of the compiled-in plugins.
  ///   - defaultPlugins: of those that are on when a file names none.
  ///
  /// Throws: the first error of syntax, or that it holds no object. Whatever else is in it is translated or kept.
  public init(_ bytes: [UInt8], knownPlugins: [String], defaultPlugins: [String]) throws(ConfigurationProblem) {
    let document = JSONParser.parse(bytes, origin: .foreign)
    guard let root = document.value else {
      throw document.problems.last ?? ConfigurationProblem(at: nil, "the file holds no JSON")
    }
    guard case .object(let members) = root.content else {
      throw ConfigurationProblem(at: root.position, "the file holds \(root.found), but must hold an object")
    }
    var translation = Translation(members, knownPlugins, defaultPlugins)
    for problem in document.problems {
      translation.note(.dropped, at: problem.position, "\(problem.message); the last one counts, as in Go")
    }
    translation.translate()
    (text, notes) = (translation.text, translation.sortedNotes)
  }
}

/// What became of a key, in words for the operator.
public struct ImportNote: Sendable, Equatable {
  public enum Kind: String, Sendable {
    case renamed, converted, dropped, kept, added
    /// The file does not say it, or not so that it could be taken over: the operator has to.
    case choose
  }

  public var kind: Kind
  /// Nil for what is not in the file.
  public var position: SourcePosition?
  /// One sentence. Names no file and no position, and no value of a key that is not ours: it may be a secret.
  public var message: String

  public init(_ kind: Kind, at position: SourcePosition?, _ message: String) {
    self.kind = kind
    self.position = position
    self.message = message
  }
}

extension ConfigurationFile {
  /// A note as compilers write it: `PATH:LINE:COLUMN: KIND: MESSAGE`.
  public static func line(for note: ImportNote, of path: String) -> String {
    let place = note.position.map { ":\($0.line):\($0.column)" } ?? ""
    return "\(path)\(place): \(note.kind.rawValue): \(note.message)"
  }
}

/// A file that is being translated.
private struct Translation {
  private let members: [ConfigurationMember]
  private let knownPlugins: [String]
  private let defaultPlugins: [String]

  private var draft = Configuration()
  private var values: [String: ConfigurationValue] = [:]
  private var custom: [ConfigurationMember] = []
  private var comments: [ConfigurationMember] = []
  private var notes: [ImportNote] = []

  init(_ members: [ConfigurationMember], _ knownPlugins: [String], _ defaultPlugins: [String]) {
    self.members = members
    self.knownPlugins = knownPlugins
    self.defaultPlugins = defaultPlugins
  }

  mutating func note(_ kind: ImportNote.Kind, at position: SourcePosition?, _ message: String) {
    notes.append(ImportNote(kind, at: position, message))
  }

  var text: String {
    var all = comments
    for option in Option.all {
      if let value = values[option.name] { all.append(ConfigurationMember(key: option.name, value: value)) }
    }
    if !custom.isEmpty { all.append(ConfigurationMember(key: "Custom", value: ConfigurationValue(.object(custom)))) }
    return prettyJSON(ConfigurationValue(.object(all))) + "\n"
  }

  /// `sort` is stable: several notes of one place keep their order.
  var sortedNotes: [ImportNote] {
    notes.sorted { one, other in
      (one.position?.line ?? .max, one.position?.column ?? .max) < (other.position?.line ?? .max, other.position?.column ?? .max)
    }
  }

  // MARK: Keys

  mutating func translate() {
    var others: [ConfigurationMember] = []
    // Those that are ours first: they count more than others that mean the same.
    for member in members {
      if JSONParser.isComment(member.key) {
        comments.append(member)
      } else if asciiLowercased(member.key) == "custom" {
        keepCustom(member)
      } else if let option = Option.named(member.key) {
        take(option, member)
      } else {
        others.append(member)
      }
    }
    let ranked = others.enumerated().sorted {
      (Spelling.rank(of: $0.element.key), $0.offset) < (Spelling.rank(of: $1.element.key), $1.offset)
    }
    for (_, member) in ranked { takeOther(member) }
    addDefaults()
    leaveShortForm()
    leaveHalves()
    noteHeader()
    notePlugins()
  }

  private mutating func takeOther(_ member: ConfigurationMember) {
    switch Spelling.meaning(of: member.key) {
    case .option(let option): rename(member, to: option)
    case .address: takeAddress(member)
    case .foreign(let foreign): takeForeign(foreign, member)
    case nil: keep(member)
    }
  }

  private mutating func rename(_ member: ConfigurationMember, to option: Option) {
    if option.name == "Custom" { return keepCustom(member) }
    guard values[option.name] == nil else {
      return note(.dropped, at: member.position, "\(quotedBriefly(member.key)) is \(option.name), which another key sets already")
    }
    note(.renamed, at: member.position, "\(quotedBriefly(member.key)) is \(option.name)")
    take(option, member)
  }

  /// Takes a value over if the option allows it, converted or not.
  private mutating func take(_ option: Option, _ member: ConfigurationMember) {
    let value = member.value
    guard value.content != .null else {
      return note(.dropped, at: value.position, "\(option.name) is null, which Go takes for the default")
    }
    if option.name == "Plugins", !namesKnownPlugins(value) { return keep(member) }
    let candidates = [value] + ForeignValue.conversions(of: value, for: option)
    guard let good = candidates.first(where: { option.apply($0, to: &draft).isEmpty }) else { return refuse(option, value) }
    values[option.name] = good
    if good.content != value.content {
      note(.converted, at: value.position, "\(option.name) was \(value.found) and is \(good.found)")
    }
  }

  private mutating func refuse(_ option: Option, _ value: ConfigurationValue) {
    let instead =
      if let standard = GoDefaults.value(of: option.name) {
        "\(standard.jsonText) is written, the default of Go Zinx"
      } else {
        "it is left out, and has the default of zinxd"
      }
    note(
      .choose, at: value.position,
      "\(option.name) is \(value.found), but must be \(option.allowed): \(instead); choose one and write it there")
  }

  private func namesKnownPlugins(_ value: ConfigurationValue) -> Bool {
    guard case .object(let members) = value.content else { return false }
    return members.allSatisfy { member in
      JSONParser.isComment(member.key) || knownPlugins.contains { asciiLowercased($0) == asciiLowercased(member.key) }
    }
  }

  private mutating func takeAddress(_ member: ConfigurationMember) {
    guard let host = Option.named("Host"), let port = Option.named("TcpPort") else { return keep(member) }
    guard case .string(let text) = member.value.content, let colon = text.lastIndex(of: ":"),
      let number = UInt16(text[text.index(after: colon)...]), !text[..<colon].contains(":") || text.hasPrefix("[")
    else { return rename(member, to: host) }
    func part(_ content: ConfigurationValue.Content) -> ConfigurationMember {
      ConfigurationMember(key: member.key, at: member.position, value: ConfigurationValue(content, at: member.value.position))
    }
    rename(part(.string(text[..<colon].filter { $0 != "[" && $0 != "]" })), to: host)
    rename(part(.integer(Int64(number))), to: port)
  }

  private mutating func takeForeign(_ foreign: ForeignKey, _ member: ConfigurationMember) {
    if asciiLowercased(foreign.name) == "heartbeatmax" { return takeHeartbeat(member) }
    if let level = ForeignValue.logLevel(foreign.name, member.value), values["LogLevel"] == nil {
      values["LogLevel"] = level
      return note(.converted, at: member.position, "\(foreign.name) \(member.value.found) is LogLevel \(level.jsonText)")
    }
    note(.dropped, at: member.position, "\(quotedBriefly(member.key)) has no meaning here; \(foreign.advice)")
  }

  /// The time after which a silent peer is given up. Keys that name how often somebody sends one are not that.
  private mutating func takeHeartbeat(_ member: ConfigurationMember) {
    let key = asciiLowercased(member.key)
    guard key.contains("max") || key.contains("timeout"), knownPlugins.contains(Self.heartbeat),
      let time = HeartbeatTimeout.read(member.value)
    else {
      addCustom(member)
      return note(
        .kept, at: member.position,
        "\(quotedBriefly(member.key)) is kept in Custom; Interval and Timeout of the plugin heartbeat are for this")
    }
    guard setHeartbeatTimeout(time) else {
      return note(
        .dropped, at: member.position, "\(quotedBriefly(member.key)) is Timeout of the plugin heartbeat, which is set already")
    }
    note(
      .converted, at: member.position,
      "\(quotedBriefly(member.key)) is Timeout of the plugin heartbeat: a peer is closed from which nothing came for "
        + "\(time.jsonText) seconds. In Go it means something only where the code calls StartHeartBeat; if yours does not, take it out"
    )
  }

  private static let heartbeat = "heartbeat"

  /// Returns false if the file has that setting already.
  private mutating func setHeartbeatTimeout(_ time: ConfigurationValue) -> Bool {
    let setting = ConfigurationMember(key: "Timeout", value: time)
    var plugins: [ConfigurationMember] = []
    if case .object(let named) = values["Plugins"]?.content {
      plugins = named
    } else {
      plugins = defaultPlugins.map { ConfigurationMember(key: $0, value: ConfigurationValue(.object([]))) }
      note(.added, at: nil, "Plugins names those that are on by default: \(defaultPlugins.joined(separator: ", "))")
    }
    if let index = plugins.firstIndex(where: { asciiLowercased($0.key) == Self.heartbeat }) {
      guard case .object(let settings) = plugins[index].value.content,
        !settings.contains(where: { asciiLowercased($0.key) == "timeout" })
      else { return false }
      plugins[index].value.content = .object(settings + [setting])
    } else {
      plugins.append(ConfigurationMember(key: Self.heartbeat, value: ConfigurationValue(.object([setting]))))
    }
    values["Plugins"] = ConfigurationValue(.object(plugins))
    return true
  }

  // MARK: What is not for zinxd

  private mutating func keepCustom(_ member: ConfigurationMember) {
    guard case .object(let members) = member.value.content else { return keep(member) }
    for member in members { addCustom(member) }
  }

  private mutating func keep(_ member: ConfigurationMember) {
    addCustom(member)
    var hint = ""
    if let nearest = nearestName(to: member.key, among: Option.all.map(\.name)), nearest != "Plugins", nearest != "Custom" {
      hint = ", as Go ignored it too; if it was meant for \(nearest), write it so"
    } else {
      let known = serverKeys(in: member)
      if !known.isEmpty {
        hint = "; if its \(known.joined(separator: ", ")) is the server's, write it outside of it and import again"
      }
    }
    note(.kept, at: member.position, "\(quotedBriefly(member.key)) is kept in Custom, where zinxd does not look\(hint)")
  }

  /// Up to three keys of an object that mean the server, as far as one can tell: a database has a host and a port too.
  private func serverKeys(in member: ConfigurationMember) -> [String] {
    guard case .object(let members) = member.value.content else { return [] }
    let isServer = ["server", "zinx", "tcp"].contains { asciiLowercased(member.key).contains($0) }
    return Array(
      members.map(\.key).filter { key in
        guard !JSONParser.isComment(key), case .option(let option) = Spelling.meaning(of: key) else { return false }
        return isServer || !["Name", "Host", "TcpPort", "LogLevel"].contains(option.name)
      }.prefix(3))
  }

  private mutating func addCustom(_ member: ConfigurationMember) {
    let isTaken = custom.contains { asciiLowercased($0.key) == asciiLowercased(member.key) } && !JSONParser.isComment(member.key)
    // Beside one of the file's own `Custom`.
    guard !isTaken else {
      return addCustom(ConfigurationMember(key: member.key + "_", at: member.position, value: member.value))
    }
    custom.append(member)
  }

  // MARK: What the file does not say

  private mutating func addDefaults() {
    var added: [String] = []
    for (name, standard) in GoDefaults.all where values[name] == nil {
      values[name] = standard
      added.append("\(name) \(standard.jsonText)")
    }
    guard !added.isEmpty else { return }
    note(.added, at: nil, "the defaults of Go Zinx, which are not those of zinxd everywhere: \(added.joined(separator: ", "))")
  }

  /// A file has one of the two ways to say who listens where.
  private mutating func leaveShortForm() {
    guard values["Listeners"] != nil else { return }
    for name in ["Host", "TcpPort", "CertFile", "PrivateKeyFile"] where values.removeValue(forKey: name) != nil {
      note(.dropped, at: nil, "\(name) is left out: Listeners says who listens where")
    }
  }

  /// A certificate without a key says nothing, nor the other way round. Go Zinx takes that, and an empty path, for no TLS.
  private mutating func leaveHalves() {
    let pair = ["CertFile", "PrivateKeyFile"]
    let given = pair.filter { values[$0].map { !$0.isEmpty } ?? false }
    guard given.count < pair.count else { return }
    for name in pair where values.removeValue(forKey: name) != nil {
      note(.dropped, at: nil, "\(name) is left out: TLS takes a CertFile and a PrivateKeyFile")
    }
  }

  private mutating func noteHeader() {
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

  private mutating func notePlugins() {
    guard values["Plugins"] == nil else { return }
    note(
      .choose, at: nil,
      "Plugins is left out: those that are on by default answer id 0 and 1, and send id 2 to every new connection; "
        + "with \"Plugins\": {} none is on")
  }
}

/// `Timeout` of the plugin `heartbeat`, as other files write such a time.
private enum HeartbeatTimeout {
  private static let rule = SettingRule<Duration>.seconds(in: .zero ... .seconds(86_400))

  static func read(_ value: ConfigurationValue) -> ConfigurationValue? {
    let candidates = [value] + (Option.named("IdleTimeout").map { ForeignValue.conversions(of: value, for: $0) } ?? [])
    return candidates.lazy.compactMap { rule.read($0) }.first.flatMap { rule.write($0) }
  }
}

/// What Go Zinx takes for a key that is not in the file.
private enum GoDefaults {
  static let all: [(name: String, value: ConfigurationValue)] = [
    ("Name", .string("ZinxServerApp")), ("Host", .string("0.0.0.0")), ("TcpPort", .integer(8999)), ("MaxConn", .integer(12000)),
    ("MaxPacketSize", .integer(4096)), ("WorkerPoolSize", .integer(10)), ("MaxWorkerTaskLen", .integer(1024)),
    ("MaxMsgChanLen", .integer(1024)), ("DataPack", .string("tlv-be")),
  ].map { (name: String, content: ConfigurationValue.Content) in (name, ConfigurationValue(content)) }

  static func value(of name: String) -> ConfigurationValue? { all.first { $0.name == name }?.value }
}
