/// Messages that two plugins want where both are.
package struct RouteConflict: Sendable, Equatable {
  package let ids: MessageIDs
  /// Who was first, and who wants them too.
  package let first: String
  package let second: String
  /// A listener that has both; nil where all listeners have all plugins.
  package let listener: String?

  package init(ids: MessageIDs, first: String, second: String, listener: String?) {
    (self.ids, self.first, self.second, self.listener) = (ids, first, second, listener)
  }

  package var isWithinOne: Bool { first == second }

  /// In words for the operator.
  package var what: String {
    let place = listener.map { " on the listener \(quotedBriefly($0))" } ?? ""
    return isWithinOne
      ? "the plugin \"\(first)\" wants \(ids.phrase) twice\(place)"
      : "the plugins \"\(first)\" and \"\(second)\" both want \(ids.phrase)\(place)"
  }
}

extension MessageIDs {
  /// Completes the sentence "… wants …".
  fileprivate var phrase: String {
    switch self {
    case .id: "message id \(self)"
    case .range: "message ids \(self)"
    case .otherwise: "the messages without a route"
    }
  }
}

extension RouteRegistrar {
  /// Messages that are registered again, or ranges that overlap, on listeners that choose among the plugins; each once.
  package func conflicts(on endpoints: [Endpoint]) -> [RouteConflict] {
    guard endpoints.contains(where: { $0.plugins != nil }) else { return conflicts(on: nil) }
    return endpoints.reduce(into: []) { all, endpoint in
      let own = (endpoint.plugins.map(only) ?? self).conflicts(on: endpoint.name)
      all += own.filter { new in
        !all.contains { ($0.ids, $0.first, $0.second) == (new.ids, new.first, new.second) }
      }
    }
  }

  private func conflicts(on listener: String?) -> [RouteConflict] {
    duplicates.map { RouteConflict(ids: $0.ids, first: $0.first, second: $0.second, listener: listener) }
  }
}
