import Synchronization
import ZinxTLS

/// What new sessions of a listener are made of. A reload puts other certificates there; those who are in keep theirs.
final class TLSDoor: Sendable {
  private let current: Mutex<TLSContext>

  init(_ context: TLSContext) { current = Mutex(context) }

  /// For the next handshake.
  var context: TLSContext { current.withLock { $0 } }

  /// From here on.
  func use(_ context: TLSContext) { current.withLock { $0 = context } }
}
