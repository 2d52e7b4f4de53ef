import Zinx

/// A file that is being translated.
struct Translation {
  let members: [ConfigurationMember]
  let knownPlugins: [String]
  let defaultPlugins: [String]

  private var draft = Configuration()
  var values: [String: ConfigurationValue] = [:]
  var custom: [ConfigurationMember] = []
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
    leaveClosed()
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
    if option.name == "Mode", value.content == .string("kcp") {
      return note(
        .choose, at: value.position,
        "Mode is \"kcp\", but KCP is not spoken here: its clients have to come to TcpPort, or to WsPort")
    }
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
}
