import Glibc
import ZinxIO

/// Two connected descriptors, closed at the end: a socket pair, or a pipe with its reading end first.
final class Pair: Sendable {
  let near: Int32
  let far: Int32

  private init(_ make: (UnsafeMutablePointer<Int32>) -> Int32) throws {
    let numbers = try withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2) { numbers in
      numbers.initialize(repeating: -1)
      guard let base = numbers.baseAddress, make(base) == 0 else { throw SystemError("pair") }
      return (numbers[0], numbers[1])
    }
    (near, far) = numbers
  }

  static func sockets() throws -> Pair { try Pair { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, $0) } }
  static func pipe() throws -> Pair { try Pair { Glibc.pipe($0) } }

  deinit {
    close(near)
    close(far)
  }
}

/// Writes one byte.
func poke(_ descriptor: Int32) {
  var byte: UInt8 = 1
  _ = retryingOnInterrupt { write(descriptor, &byte, 1) }
}

/// Reads one byte.
@discardableResult
func take(_ descriptor: Int32) -> Int {
  var byte: UInt8 = 0
  return retryingOnInterrupt { read(descriptor, &byte, 1) }
}

/// Whether a number stands for an open descriptor.
func isOpen(_ descriptor: Int32) -> Bool { fcntl(descriptor, F_GETFD) != -1 }
