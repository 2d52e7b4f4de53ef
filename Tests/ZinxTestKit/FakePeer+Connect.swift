import CLinux
import Glibc
import ZinxIO

extension FakePeer {
  /// Connects to a port of 127.0.0.1.
  ///
  /// - Parameter receiveBuffer: bytes that the kernel keeps for a peer that does not read; nil lets it choose.
  package static func connect(to port: UInt16, receiveBuffer: Int32? = nil) async throws -> FakePeer {
    try await onThread {
      let socket = try Descriptor(Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0), from: "socket")
      if let receiveBuffer { try set(socket.number, SO_RCVBUF, receiveBuffer) }
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
