import CLinux
import Glibc
import ZinxIO

extension FakePeer {
  /// Connects to a port of 127.0.0.1.
  ///
  /// - Parameter isNarrow: the kernel keeps little of what this peer does not read, here and at the other end, which sizes its buffers
  ///   by the segments that it may send.
  package static func connect(to port: UInt16, isNarrow: Bool = false) async throws -> FakePeer {
    try await onThread {
      let socket = try Descriptor(Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0), from: "socket")
      if isNarrow {
        try set(socket.number, SO_RCVBUF, Int32(4096))
        var segment: Int32 = 536
        setsockopt(socket.number, Int32(IPPROTO_TCP), TCP_MAXSEG, &segment, socklen_t(MemoryLayout.size(ofValue: segment)))
      }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      let status = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
          retryingOnInterrupt { Glibc.connect(socket.number, address, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
      }
      guard status == 0 else { throw SystemError("connect") }
      return try FakePeer(socket.release())
    }
  }
}
