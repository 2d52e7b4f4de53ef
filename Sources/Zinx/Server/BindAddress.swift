import CLinux
import Glibc

/// An address to listen on, with its port, as the kernel wants it.
package struct BindAddress: Sendable, Equatable, CustomStringConvertible {
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

  /// A UNIX socket; nil for what is none, or longer than the kernel takes.
  init?(local address: ListenAddress) {
    let (name, isAbstract): (String, Bool)
    switch address {
    case .unix(let path): (name, isAbstract) = (path, false)
    case .abstract(let text): (name, isAbstract) = (text, true)
    case .tcp: return nil
    }
    let bytes = (isAbstract ? [0] : []) + Array(name.utf8)
    let start = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    guard bytes.count <= ListenAddress.longestLocalName + (isAbstract ? 1 : 0) else { return nil }
    // A path ends with a zero byte, an abstract name with its length.
    length = socklen_t(start + bytes.count + (isAbstract ? 0 : 1))
    storage.ss_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &storage) { UnsafeMutableRawBufferPointer(rebasing: $0[start...]).copyBytes(from: bytes) }
  }

  /// `AF_INET`, `AF_INET6` or `AF_UNIX`.
  var family: Int32 { Int32(storage.ss_family) }

  var socketAddress: SocketAddress { SocketAddress(storage) }

  package var description: String { socketAddress.description }

  /// The same address with another port.
  func with(port: UInt16) -> BindAddress {
    var other = self
    // sockaddr_in and sockaddr_in6 have it at the same place.
    withUnsafeMutableBytes(of: &other.storage) {
      $0.storeBytes(of: port.bigEndian, toByteOffset: MemoryLayout<sockaddr_in>.offset(of: \.sin_port) ?? 2, as: UInt16.self)
    }
    return other
  }

  func withSockaddr<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    withUnsafePointer(to: storage) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) } }
  }

  package static func == (left: BindAddress, right: BindAddress) -> Bool { left.socketAddress == right.socketAddress }
}
