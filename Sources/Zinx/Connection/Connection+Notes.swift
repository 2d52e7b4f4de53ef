import CLinux
import Glibc
import Logging
import Synchronization
import ZinxIO

/// What belongs to a connection beside its messages. Any thread.
extension Connection {
  /// What a plugin has the log say about the connection, in each line of it: `connection.logMetadata["room"] = "lobby"`. The journal has a
  /// key as the field `ZINX_` and its name in capitals. The bound user is there without it.
  ///
  /// Keys that the log has itself (`connID`, `peer`, `listener`, `user`, …) stay as they are. To be changed by one at a time, as by the
  /// requests of the connection.
  public var logMetadata: Logger.Metadata {
    get { self[LogMetadata.self] ?? [:] }
    set { self[LogMetadata.self] = newValue.isEmpty ? nil : newValue }
  }

  /// What ``stop(reason:)`` was told, of the call that began the end; or what a WebSocket did that it may not, or why the session of TLS
  /// broke; nil without any.
  public var closeText: String? { self[CloseText.self] }

  /// The address of our end, for a listener that has several; nil when the connection has ended.
  public var localAddress: SocketAddress? {
    // Under the lock: the descriptor may be closed any time, and be somebody else's then.
    outbox.withLock { outbox in outbox.isClosed ? nil : try? SocketAddress(of: descriptor) }
  }
}

extension Connection: Hashable {
  public static func == (left: Connection, right: Connection) -> Bool { left === right }

  public func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

enum CloseText: PropertyKey { typealias Value = String }

private enum LogMetadata: PropertyKey { typealias Value = Logger.Metadata }

extension Connection {
  /// Whether a property is what its lines in the log have.
  static func isLogMetadata(_ key: ObjectIdentifier) -> Bool { key == ObjectIdentifier(LogMetadata.self) }
}
