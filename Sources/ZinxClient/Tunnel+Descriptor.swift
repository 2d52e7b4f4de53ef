import CLinux
import Glibc
import NIOCore
import ZinxIO

/// A tunnel over a connected, non-blocking socket: moves bytes between it and the kernel.
extension Tunnel {
  package enum Reading {
    /// So many bytes came, and the tunnel has taken them.
    case bytes(Int)
    case wouldBlock
    case end
    case failed(SystemError)
  }

  package enum Shaking {
    case done
    case waits(Readiness)
    case failed(HandshakeFault)
    case broken(SystemError)
  }

  /// Goes on with the handshake. What comes behind it of the stream goes to `buffer`.
  package func shake(on descriptor: Int32, into buffer: inout ByteBuffer) -> Shaking {
    while true {
      // Also after a failure: the server is told why.
      let failure = flush(to: descriptor)
      if case .refused(let fault)? = end { return .failed(fault) }
      if faultOfEnding == nil { return .done }
      if let failure { return broken(failure) }
      switch withRoom({ receive(from: descriptor, room: $0, into: &buffer) }) {
      case .bytes: continue
      case .wouldBlock: return .waits(outputBytes > 0 ? [.readable, .writable] : .readable)
      case .end: return .failed(faultOfEnding ?? .closed(during: stage))
      case .failed(let error): return broken(error)
      }
    }
  }

  /// A server that does not speak what it is told often resets the connection.
  private func broken(_ error: SystemError) -> Shaking {
    error.code == ECONNRESET || error.code == EPIPE ? .failed(faultOfEnding ?? .closed(during: stage)) : .broken(error)
  }

  /// Reads once, and hands on what came.
  package func receive(
    from descriptor: Int32, room: UnsafeMutableRawBufferPointer, into buffer: inout ByteBuffer
  ) -> Reading {
    let count = retryingOnInterrupt { Glibc.recv(descriptor, room.baseAddress, room.count, 0) }
    guard count > 0 else { return count == 0 ? .end : errno == EAGAIN ? .wouldBlock : .failed(SystemError("recv")) }
    _ = receive(UnsafeMutableRawBufferPointer(rebasing: room[..<count]), into: &buffer)
    return .bytes(count)
  }

  /// Memory for one read.
  func withRoom<Result>(_ body: (UnsafeMutableRawBufferPointer) -> Result) -> Result {
    withUnsafeTemporaryAllocation(byteCount: StreamSocket.bytesPerRead, alignment: 16, body)
  }

  /// Hands the kernel what there is to say, as much as it takes. Returns what is wrong with the connection.
  package func flush(to descriptor: Int32) -> SystemError? {
    while outputBytes > 0 {
      let count = writeOutput { bytes in
        retryingOnInterrupt { Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
      }
      guard count > 0 else { return count == 0 || errno == EAGAIN ? nil : SystemError("send") }
    }
    return nil
  }
}
