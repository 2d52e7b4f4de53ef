import CLinux
import Glibc

/// accept4(2) on a listening socket: fills in the peer's address, and returns the connection, or `errno` with its sign turned. A seam:
/// tests put failures here that no kernel shows on demand.
package typealias AcceptCall = @Sendable (_ listener: Int32, _ peer: inout sockaddr_storage) -> Int32

/// The kernel's.
package let systemAccept: AcceptCall = { listener, peer in
  var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
  let accepted = withUnsafeMutableBytes(of: &peer) {
    clinux_accept4(
      listener, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, &length,
      Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
  }
  return accepted >= 0 ? accepted : -errno
}
