import Zinx

/// What a reload does to listeners, in words.
enum ListenerChange {
  /// A part of a line for each that comes, goes, or changes, by name.
  static func between(_ old: [Endpoint], _ new: [Endpoint]) -> [String] {
    let gone = old.filter { one in !new.contains { $0.name == one.name } }.map { "\(quotedJSON($0.name)) removed" }
    return gone
      + new.compactMap { endpoint in
        guard let before = old.first(where: { $0.name == endpoint.name }) else {
          return "\(quotedJSON(endpoint.name)) added at \(endpoint.address)"
        }
        let changes = ListenerOption.all.filter { !$0.isEqual(in: before, and: endpoint) }.map { option in
          "\(option.name): \(text(option, before)) → \(text(option, endpoint))"
        }
        return changes.isEmpty ? nil : "\(quotedJSON(endpoint.name)) \(changes.joined(separator: ", "))"
      }
  }

  private static func text(_ option: ListenerOption, _ endpoint: Endpoint) -> String {
    option.value(in: endpoint)?.jsonText ?? option.absence
  }
}
