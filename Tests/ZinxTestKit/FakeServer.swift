import CLinux
import Glibc
import ZinxIO

/// A listening socket on 127.0.0.1 that does only what a test says. It is gone when it is let go of.
package final class FakeServer: Sendable {
  private let listener: Descriptor
  package let port: UInt16

  /// `port` 0 asks the kernel for one; `backlog` is how many may connect before they are accepted.
  package init(port: UInt16 = 0, backlog: Int32 = 64) throws {
    listener = try Descriptor(socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0), from: "socket")
    try set(listener.number, SO_REUSEADDR, Int32(1))
    try limitWaiting(listener.number)
    self.port = try Self.bind(listener.number, port)
    guard listen(listener.number, backlog) == 0 else { throw SystemError("listen") }
  }

  /// Waits for a connection, ten seconds at most.
  package func accept() async throws -> FakePeer {
    try await onThread { [self] in
      let number = retryingOnInterrupt { accept4(listener.number, nil, nil, Int32(SOCK_CLOEXEC.rawValue)) }
      return try FakePeer(Descriptor(number, from: "accept4").release())
    }
  }

  private static func bind(_ number: Int32, _ port: UInt16) throws -> UInt16 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.bind(number, $0, length) == 0 && getsockname(number, $0, &length) == 0
      }
    }
    guard isBound else { throw SystemError("bind") }
    return UInt16(bigEndian: address.sin_port)
  }
}

/// A socket that waits too long is a failed test and not a hanging one.
func limitWaiting(_ number: Int32) throws {
  try set(number, SO_RCVTIMEO, timeval(tv_sec: 10, tv_usec: 0))
  try set(number, SO_SNDTIMEO, timeval(tv_sec: 10, tv_usec: 0))
}

func set<Value: BitwiseCopyable>(_ number: Int32, _ option: Int32, _ value: Value) throws {
  var value = value
  let status = setsockopt(number, SOL_SOCKET, option, &value, socklen_t(MemoryLayout<Value>.size))
  guard status == 0 else { throw SystemError("setsockopt") }
}
