import Synchronization

/// What the plugins of a server have for one another. Any thread.
final class SharedValues: Sendable {
  private let values = Mutex<[ObjectIdentifier: any Sendable]>([:])

  subscript<Key: PropertyKey>(_ key: Key.Type) -> Key.Value? {
    get { values.withLock { $0[ObjectIdentifier(key)] } as? Key.Value }
    set {
      let old = values.withLock { values in
        let old = values[ObjectIdentifier(key)]
        values[ObjectIdentifier(key)] = newValue
        return old
      }
      // Its `deinit` may be a plugin's: not under the lock.
      withExtendedLifetime(old) {}
    }
  }
}
