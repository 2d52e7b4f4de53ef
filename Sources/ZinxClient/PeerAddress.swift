import CLinux
import Glibc

/// An address to connect to, as getaddrinfo(3) found it, or a UNIX socket's.
package struct PeerAddress: Sendable {
  private var storage = sockaddr_storage()
  private let length: socklen_t

  /// Nil for an address longer than the kernel knows.
  init?(_ info: addrinfo) {
    guard let address = info.ai_addr, Int(info.ai_addrlen) <= MemoryLayout<sockaddr_storage>.size else { return nil }
    length = info.ai_addrlen
    withUnsafeMutableBytes(of: &storage) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(info.ai_addrlen)))
    }
  }

  /// A UNIX socket. Nil where the name is longer than the kernel takes.
  ///
  /// - Parameter name: A path, or a name of the abstract name space.
  init?(local name: String, isAbstract: Bool) {
    // A byte of zero ends the one and begins the other.
    let bytes = isAbstract ? [0] + Array(name.utf8) : Array(name.utf8) + [0]
    let start = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    guard start + bytes.count <= MemoryLayout<sockaddr_un>.size else { return nil }
    length = socklen_t(start + bytes.count)
    storage.ss_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &storage) { UnsafeMutableRawBufferPointer(rebasing: $0[start...]).copyBytes(from: bytes) }
  }

  /// The address that a call such as getsockname(2) fills in.
  private init?(filledBy call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32) {
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let status = withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, &length) }
    }
    guard status == 0 else { return nil }
    self.length = length
  }

  static func local(of descriptor: Int32) -> PeerAddress? { PeerAddress { getsockname(descriptor, $0, $1) } }
  static func peer(of descriptor: Int32) -> PeerAddress? { PeerAddress { getpeername(descriptor, $0, $1) } }

  package var family: Int32 { Int32(storage.ss_family) }

  package func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    withUnsafePointer(to: storage) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) } }
  }

  /// `127.0.0.1:7777`, `[::1]:7777`, `unix:/run/zinxd/clients.sock`, `unix:@zinxd`.
  package var description: String {
    if family == AF_UNIX { return localName }
    var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    var port = [CChar](repeating: 0, count: Int(NI_MAXSERV))
    let status = withSockaddr { address, length in
      getnameinfo(
        address, length, &host, socklen_t(host.count), &port, socklen_t(port.count), NI_NUMERICHOST | NI_NUMERICSERV)
    }
    guard status == 0 else { return "unknown address" }
    return endpoint(text(host), text(port))
  }
}

extension PeerAddress: CustomStringConvertible {
  private var localName: String {
    let start = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    return withUnsafeBytes(of: storage) { bytes in
      let name = bytes[min(start, Int(length))..<Int(length)]
      guard name.first == 0 else { return "unix:" + String(decoding: name.prefix { $0 != 0 }, as: UTF8.self) }
      return "unix:@" + String(decoding: name.dropFirst(), as: UTF8.self)
    }
  }
}

extension PeerAddress: Equatable {
  package static func == (left: PeerAddress, right: PeerAddress) -> Bool { left.description == right.description }
}

/// Host and port in one string; an IPv6 address gets its brackets.
package func endpoint(_ host: String, _ port: some CustomStringConvertible) -> String {
  host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
}

private func text(_ characters: [CChar]) -> String {
  String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}
