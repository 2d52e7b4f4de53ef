import CSystemd
import Glibc

/// An AF_UNIX datagram socket that never blocks, is not inherited by children, and closes with its last reference.
///
/// Any thread may send: the kernel takes each datagram whole. Results are 0 or errno, since callers branch on the number.
final class DatagramSocket: Sendable {
  let descriptor: Int32

  init() throws(SystemCallError) {
    let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    descriptor = socket(AF_UNIX, type, 0)
    if descriptor < 0 { throw SystemCallError("socket") }
  }

  deinit { close(descriptor) }

  func connect(to address: UnixAddress) -> Int32 {
    address.withSockaddr { pointer, length in
      retryingInterrupts { Int(Glibc.connect(descriptor, pointer, length)) }
    }
  }

  /// Sends to `address` whoever listens there now, so that a receiver that comes back is found without reconnecting.
  func send(_ bytes: some Collection<UInt8>, to address: UnixAddress) -> Int32 {
    let bytes = Array(bytes)
    return address.withSockaddr { pointer, length in
      retryingInterrupts { sendto(descriptor, bytes, bytes.count, Self.flags, pointer, length) }
    }
  }

  /// Sends to the connected receiver.
  func send(_ bytes: [UInt8]) -> Int32 {
    retryingInterrupts { Glibc.send(descriptor, bytes, bytes.count, Self.flags) }
  }

  /// Passes an open file to the connected receiver.
  func send(file: Int32) -> Int32 {
    retryingInterrupts { Int(csystemd_send_descriptor(descriptor, file)) }
  }

  private static let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
}
