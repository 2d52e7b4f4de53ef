/// Why a connection was closed as soon as it was accepted. The log line and the counters share one reason.
public enum RefusalReason: Int, Sendable, CaseIterable, CustomStringConvertible {
  /// The address is in `Deny`.
  case denied
  /// `Allow` has networks, and the address is in none of them.
  case notAllowed
  /// `MaxConn` connections were live.
  case maxConn
  /// `MaxConn` connections of the listener were live.
  case listenerMaxConn
  /// `MaxConnPerIP` connections of the same source were live.
  case maxConnPerIP

  public var description: String {
    switch self {
    case .denied: "denied"
    case .notAllowed: "not-allowed"
    case .maxConn: "max-conn"
    case .listenerMaxConn: "listener-max-conn"
    case .maxConnPerIP: "max-conn-per-ip"
    }
  }
}
