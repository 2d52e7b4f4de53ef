import Synchronization

/// Names a typed value that a plugin attaches to a connection:
///
/// <!-- in: func greet(_ connection: Connection) { … } -->
/// ```swift
/// enum PlayerName: PropertyKey { typealias Value = String }
/// connection[PlayerName.self] = "Mario"
/// ```
public protocol PropertyKey: Sendable {
  associatedtype Value: Sendable
}

extension Connection {
  /// The value attached under a key; nil without one. Any thread.
  public subscript<Key: PropertyKey>(_ key: Key.Type) -> Key.Value? {
    get { properties.withLock { $0?[ObjectIdentifier(key)] } as? Key.Value }
    set {
      let old = properties.withLock { properties in
        if properties == nil, newValue != nil { properties = [:] }
        let old = properties?[ObjectIdentifier(key)]
        properties?[ObjectIdentifier(key)] = newValue
        return old
      }
      // The old value ends here and not under the lock: its `deinit` may use the connection.
      withExtendedLifetime(old) {}
    }
  }
}
