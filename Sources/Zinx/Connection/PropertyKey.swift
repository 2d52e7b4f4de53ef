import Synchronization

/// Names a typed value that a plugin attaches to a connection:
///
/// <!-- in: func greet(_ connection: Connection) { … } -->
/// ```swift
/// enum PlayerName: PropertyKey { typealias Value = String }
/// connection[PlayerName.self] = "Mario"
/// ```
///
/// One that has a name to be shown by is seen by operators who look at the connection, as the text of its value:
///
/// <!-- in: func greet(_ connection: Connection) { … } -->
/// ```swift
/// enum Room: PropertyKey {
///   typealias Value = String
///   static let shownName: String? = "room"
/// }
/// connection[Room.self] = "lobby"
/// ```
public protocol PropertyKey: Sendable {
  associatedtype Value: Sendable

  /// The name by which operators see the value; nil, as by default: they do not. The value's `description` is what they see: it is asked for
  /// on a thread of theirs.
  static var shownName: String? { get }
}

extension PropertyKey {
  public static var shownName: String? { nil }
}

extension Connection {
  /// The value attached under a key; nil without one. Any thread.
  public subscript<Key: PropertyKey>(_ key: Key.Type) -> Key.Value? {
    get {
      // Most have none, and to cast nothing costs more than to look.
      guard let value = properties.withLock({ $0?[ObjectIdentifier(key)] }) else { return nil }
      return value as? Key.Value
    }
    set {
      if let name = key.shownName { ShownKeys.note(key, name) }
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

extension Connection {
  /// What operators see of the properties, by name.
  var shownProperties: [ShownProperty] {
    guard let properties = properties.withLock({ $0 }) else { return [] }
    // Not under the lock: the text of a value is a plugin's to make.
    let names = ShownKeys.names
    return properties.compactMap { key, value in names[key].map { ShownProperty(name: $0, text: "\(value)") } }
      .sorted { $0.name < $1.name }
  }
}

/// The keys that are shown, of all servers of the process: few, and each noted when a value is first set under it.
private enum ShownKeys {
  private static let all = Mutex<[ObjectIdentifier: String]>([:])

  static var names: [ObjectIdentifier: String] { all.withLock { $0 } }

  static func note(_ key: any PropertyKey.Type, _ name: String) { all.withLock { $0[ObjectIdentifier(key)] = name } }
}
