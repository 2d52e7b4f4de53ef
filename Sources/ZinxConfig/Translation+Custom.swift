import Zinx

/// What is not for zinxd.
extension Translation {
  mutating func keepCustom(_ member: ConfigurationMember) {
    guard case .object(let members) = member.value.content else { return keep(member) }
    for member in members { addCustom(member) }
  }

  mutating func keep(_ member: ConfigurationMember) {
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

  mutating func addCustom(_ member: ConfigurationMember) {
    let isTaken = custom.contains { asciiLowercased($0.key) == asciiLowercased(member.key) } && !JSONParser.isComment(member.key)
    // Beside one of the file's own `Custom`.
    guard !isTaken else {
      return addCustom(ConfigurationMember(key: member.key + "_", at: member.position, value: member.value))
    }
    custom.append(member)
  }
}
