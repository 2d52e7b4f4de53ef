/// What a filter may ask of a connection, under the names that its JSON has.
package enum Field: String, Sendable, CaseIterable {
  case id, peer, listener, user, ageSeconds, idleSeconds, received, sent, queued, receivedBytes, sentBytes, queuedBytes, worker,
    groups,
    tls, webSocket, busy

  /// By its name; `age` and `idle` for those in seconds, `group` for the groups.
  package init?(named name: String) {
    switch name {
    case "age": self = .ageSeconds
    case "idle": self = .idleSeconds
    case "group": self = .groups
    default: self.init(rawValue: name)
    }
  }

  package enum Kind: Sendable, Hashable {
    /// A number; of seconds where the name says so.
    case number
    case text
    case address
    /// Several texts: one is enough.
    case texts
    case flag
  }

  package var kind: Kind {
    switch self {
    case .id, .ageSeconds, .idleSeconds, .received, .sent, .queued, .receivedBytes, .sentBytes, .queuedBytes, .worker: .number
    case .listener, .user: .text
    case .peer: .address
    case .groups: .texts
    case .tls, .webSocket, .busy: .flag
    }
  }
}

/// What a connection has there; nil in it for what it has not, such as a user.
package enum FieldValue: Sendable, Hashable {
  case number(Double?)
  case text(String?)
  /// The text, and the address in it if it is one of IP.
  case address(String, IPNumber?)
  case texts([String])
  case flag(Bool)
}

/// An order of connections: by one field, `queuedBytes` from the least, `-queuedBytes` from the most.
package struct FieldOrder: Sendable, Hashable {
  package var field: Field
  package var isDescending: Bool

  package init(_ text: String) throws(ControlError) {
    isDescending = text.hasPrefix("-")
    let name = isDescending ? String(text.dropFirst()) : text
    guard let field = Field(named: name) else { throw .unknown(name) }
    self.field = field
  }

  package var text: String { (isDescending ? "-" : "") + field.rawValue }

  /// Whether one stands in front of another. What has no value is the last.
  package func areInOrder(_ one: FieldValue, _ other: FieldValue) -> Bool {
    switch (one, other) {
    case (.number(let a), .number(let b)): order(a, b)
    case (.text(let a), .text(let b)): order(a, b)
    case (.address(let a, _), .address(let b, _)): order(a, b)
    case (.texts(let a), .texts(let b)): order(a.first, b.first)
    case (.flag(let a), .flag(let b)): order(a ? 1 : 0, b ? 1 : 0)
    default: false
    }
  }

  private func order<T: Comparable>(_ one: T?, _ other: T?) -> Bool {
    guard let one else { return false }
    guard let other else { return true }
    return isDescending ? one > other : one < other
  }
}

extension ControlError {
  static func unknown(_ name: String) -> ControlError {
    ControlError(
      .badFilter,
      "there is no field \(JSON.string(String(name.prefix(40)))); there are \(Field.allCases.map(\.rawValue).joined(separator: ", "))"
    )
  }
}
