import CLinux
import Glibc
import ZinxIO

/// The address of one end of a connection.
public struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
  /// `AF_INET`, `AF_INET6`, `AF_UNIX`.
  public let family: UInt16
  /// TCP port; 0 without one.
  public let port: UInt16
  /// The address in network order; IPv4 in the first four bytes.
  private let high: UInt64
  private let low: UInt64
  private let scope: UInt32

  init(_ storage: sockaddr_storage) {
    family = storage.ss_family
    switch Int32(storage.ss_family) {
    case AF_INET:
      let address: sockaddr_in = withUnsafeBytes(of: storage) { $0.load(as: sockaddr_in.self) }
      (port, high, low, scope) = (UInt16(bigEndian: address.sin_port), UInt64(address.sin_addr.s_addr), 0, 0)
    case AF_INET6:
      let address: sockaddr_in6 = withUnsafeBytes(of: storage) { $0.load(as: sockaddr_in6.self) }
      (high, low) = withUnsafeBytes(of: address.sin6_addr) {
        ($0.load(as: UInt64.self), $0.load(fromByteOffset: 8, as: UInt64.self))
      }
      (port, scope) = (UInt16(bigEndian: address.sin6_port), address.sin6_scope_id)
    default:
      (port, high, low, scope) = (0, 0, 0, 0)
    }
  }

  /// What a socket is bound to.
  init(of socket: Int32) throws(SystemError) {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout.size(ofValue: storage))
    let status = withUnsafeMutableBytes(of: &storage) {
      getsockname(socket, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, &length)
    }
    guard status == 0 else { throw SystemError("getsockname") }
    self.init(storage)
  }

  /// `127.0.0.1:7777`, `[::1]:7777`, `unix`.
  public var description: String {
    switch Int32(family) {
    case AF_INET: "\(text(AF_INET)):\(port)"
    case AF_INET6: "[\(text(AF_INET6))\(scope == 0 ? "" : "%\(scope)")]:\(port)"
    case AF_UNIX: "unix"
    default: "unknown"
    }
  }

  private func text(_ family: Int32) -> String { withUnsafeBytes(of: (high, low)) { IPAddress.text(family, $0) } }

  /// The address alone; nil for what has none, such as a local socket.
  var ip: IPAddress? {
    switch Int32(family) {
    case AF_INET: IPAddress(v4: UInt32(bigEndian: UInt32(truncatingIfNeeded: high)))
    case AF_INET6: IPAddress(number: UInt128(UInt64(bigEndian: high)) << 64 | UInt128(UInt64(bigEndian: low)))
    default: nil
    }
  }
}
