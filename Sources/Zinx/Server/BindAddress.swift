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

  /// `AF_INET` or `AF_INET6`.
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
