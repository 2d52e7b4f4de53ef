import CLinux
import Glibc
import ZinxIO
import ZinxWire

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
  // Of a UNIX peer they are its credentials: user, group, process.

  package init(_ storage: sockaddr_storage) {
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

  /// The peer of a connection that was accepted; one on a UNIX socket has its credentials where others have their address.
  init(_ storage: sockaddr_storage, of accepted: Int32) {
    guard storage.ss_family == UInt16(AF_UNIX), let credentials = PeerCredentials(of: accepted) else {
      self.init(storage)
      return
    }
    self.init(credentials)
  }

  /// Zero stands for what is unknown; numbers of users and groups are told apart from it by the bits above them.
  init(_ credentials: PeerCredentials) {
    (family, port) = (UInt16(AF_UNIX), 0)
    high = credentials.uid.map { Self.isKnown | UInt64($0) } ?? 0
    low = credentials.gid.map { Self.isKnown | UInt64($0) } ?? 0
    scope = UInt32(bitPattern: credentials.pid ?? -1)
  }

  /// What a proxy has told. One that takes both families on a socket of IPv6 tells of an IPv4 client by an address of IPv6: the client is
  /// the same, and is written so.
  init(_ end: ProxyHeader.End) {
    (port, scope) = (end.port, 0)
    switch end.address {
    case .v4(let number): (family, high, low) = (UInt16(AF_INET), UInt64(number.bigEndian), 0)
    case .v6(let number) where number >> 32 == 0xffff:
      (family, high, low) = (UInt16(AF_INET), UInt64(UInt32(truncatingIfNeeded: number).bigEndian), 0)
    case .v6(let number):
      family = UInt16(AF_INET6)
      (high, low) = (UInt64(truncatingIfNeeded: number >> 64).bigEndian, UInt64(truncatingIfNeeded: number).bigEndian)
    }
  }

  /// An address of which the port is not known.
  init(_ address: IPAddress) {
    let number = address.number
    self.init(
      ProxyHeader.End(address: address.isV4 ? .v4(UInt32(truncatingIfNeeded: number)) : .v6(number), port: 0))
  }

  /// As another program has written it down.
  init(_ state: AddressState) {
    (family, port, high, low, scope) = (state.family, state.port, state.high, state.low, state.scope)
  }

  var state: AddressState {
    var state = AddressState()
    (state.family, state.port, state.high, state.low, state.scope) = (family, port, high, low, scope)
    return state
  }

  private static let isKnown: UInt64 = 1 << 32

  /// Who is at the other end of a UNIX socket; nil for any other peer.
  public var credentials: PeerCredentials? {
    guard Int32(family) == AF_UNIX, scope != 0 else { return nil }
    let pid = Int32(bitPattern: scope)
    return PeerCredentials(
      pid: pid > 0 ? pid : nil, uid: high == 0 ? nil : UInt32(truncatingIfNeeded: high),
      gid: low == 0 ? nil : UInt32(truncatingIfNeeded: low))
  }

  /// What a socket is bound to.
  package init(of socket: Int32) throws(SystemError) {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout.size(ofValue: storage))
    let status = withUnsafeMutableBytes(of: &storage) {
      getsockname(socket, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, &length)
    }
    guard status == 0 else { throw SystemError("getsockname") }
    self.init(storage)
  }

  /// `127.0.0.1:7777`, `[::1]:7777`, `unix:pid:7,uid:1000,gid:1000`, `unix`.
  public var description: String {
    switch Int32(family) {
    case AF_INET: "\(text(AF_INET)):\(port)"
    case AF_INET6: "[\(text(AF_INET6))\(scope == 0 ? "" : "%\(scope)")]:\(port)"
    case AF_UNIX: credentials.map { "unix:\($0)" } ?? "unix"
    default: "unknown"
    }
  }

  /// The address without the port: `127.0.0.1`, `::1`, `fe80::1%2`; of a local socket what ``description`` is.
  public var host: String {
    switch Int32(family) {
    case AF_INET: text(AF_INET)
    case AF_INET6: text(AF_INET6) + (scope == 0 ? "" : "%\(scope)")
    default: description
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

/// What a UNIX socket is bound to, `unix:/run/zinxd/clients.sock` or `unix:@zinxd`; nil for any other, and for one without a name.
func localName(of socket: Int32) -> String? {
  var address = sockaddr_un()
  var length = socklen_t(MemoryLayout.size(ofValue: address))
  let status = withUnsafeMutableBytes(of: &address) {
    getsockname(socket, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, &length)
  }
  let start = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
  guard status == 0, Int32(address.sun_family) == AF_UNIX, Int(length) > start else { return nil }
  return withUnsafeBytes(of: address) { bytes in
    let name = bytes[start..<min(Int(length), bytes.count)]
    guard name.first == 0 else { return "unix:" + String(decoding: name.prefix { $0 != 0 }, as: UTF8.self) }
    return "unix:@" + String(decoding: name.dropFirst(), as: UTF8.self)
  }
}
