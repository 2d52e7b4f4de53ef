/// Why a connection was closed as soon as it was accepted. The log line and the counters share one reason.
public enum RefusalReason: String, Sendable, CaseIterable, CustomStringConvertible {
  /// The address is in `Deny`.
  case denied
  /// `Allow` has networks, and the address is in none of them.
  case notAllowed = "not-allowed"
  /// `MaxConn` connections were live.
  case maxConn = "max-conn"
  /// `MaxConnPerIP` connections of the same source were live.
  case maxConnPerIP = "max-conn-per-ip"

  public var description: String { rawValue }
}
