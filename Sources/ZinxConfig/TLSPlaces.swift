import Zinx

/// Finds where a file names the files of TLS, for what is wrong with those.
enum TLSPlaces {
  typealias Places = [String: [String: SourcePosition]]

  /// By listener, then by key as ``TLSOption`` spells it.
  ///
  /// - Parameter shortForm: the names of the listeners that `CertFile` of the file itself is for.
  static func find(in root: ConfigurationValue, shortForm: [String]) -> Places {
    var places: Places = [:]
    let members = members(of: root)
    for name in shortForm { places[name] = keys(members.filter { asciiLowercased($0.key).hasSuffix("file") }) }
    for listener in elements(of: member("Listeners", of: members)) {
      let members = self.members(of: listener)
      guard case .string(let name) = member("Name", of: members)?.content, let tls = member("Tls", of: members) else { continue }
      places[name] = keys(self.members(of: tls))
    }
    return places
  }

  private static func keys(_ members: [ConfigurationMember], label: String = "") -> [String: SourcePosition] {
    var places: [String: SourcePosition] = [:]
    for member in members {
      guard let option = TLSOption.named(member.key) else { continue }
      places[label + option.name] = member.value.position
      guard option.name == "Sni" else { continue }
      for (index, element) in elements(of: member.value).enumerated() {
        places.merge(keys(self.members(of: element), label: "Sni[\(index)].")) { $1 }
      }
    }
    return places
  }

  private static func member(_ name: String, of members: [ConfigurationMember]) -> ConfigurationValue? {
    members.first { asciiLowercased($0.key) == asciiLowercased(name) }?.value
  }

  private static func members(of value: ConfigurationValue) -> [ConfigurationMember] {
    if case .object(let members) = value.content { members } else { [] }
  }

  private static func elements(of value: ConfigurationValue?) -> [ConfigurationValue] {
    if case .array(let elements) = value?.content { elements } else { [] }
  }
}
