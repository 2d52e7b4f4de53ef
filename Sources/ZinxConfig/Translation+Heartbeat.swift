import Zinx

extension Translation {
  /// The time after which a silent peer is given up. Keys that name how often somebody sends one are not that.
  mutating func takeHeartbeat(_ member: ConfigurationMember) {
    guard !Spelling.isInterval(member.key), knownPlugins.contains(Self.heartbeat),
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
        + "\(time.jsonText) seconds\(HeartbeatTimeout.isShortest(time) ? ", the shortest that peers can keep" : ""). In Go it means something only where the code calls StartHeartBeat; if yours does not, take it out"
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
}

/// `Timeout` of the plugin `heartbeat`, as other files write such a time.
private enum HeartbeatTimeout {
  private static let rule = SettingRule<Duration>.seconds(in: .zero ... .seconds(86_400))

  /// Nothing shorter than what the plugin takes: in Go a peer may answer as often as it likes.
  static func read(_ value: ConfigurationValue) -> ConfigurationValue? {
    let candidates = [value] + (Option.named("IdleTimeout").map { ForeignValue.conversions(of: value, for: $0) } ?? [])
    let time = candidates.lazy.compactMap { rule.read($0) }.first
    return time.flatMap { rule.write($0 > .zero ? max($0, Heartbeat.shortestGrace) : $0) }
  }

  static func isShortest(_ time: ConfigurationValue) -> Bool { rule.read(time) == Heartbeat.shortestGrace }
}
