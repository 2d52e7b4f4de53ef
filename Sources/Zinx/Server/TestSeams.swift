import CLinux
import Glibc
import Synchronization
import ZinxIO

/// What a test puts in the place of the system, for the product ZinxTesting.
package struct TestSeams: Sendable {
  /// What time-outs go by.
  package let clock: ManualClock
  /// Whether all connections are local sockets, whatever addresses `accept` gives them.
  package let isLocal: Bool

  package init(clock: ManualClock, isLocal: Bool) { (self.clock, self.isLocal) = (clock, isLocal) }
}

extension Server {
  /// The event loop of a server that has one; nil before it has started.
  package var testLoop: ZinxIO.EventLoop? { state.withLock { $0.contexts.first?.loop } }

  /// Whether there is nothing to do until something comes from outside or the time moves on. To be asked on the one event loop of a
  /// server: nothing of it goes on meanwhile, so what a worker has handed over is seen.
  package var isStill: Bool {
    let workers = context.workers.workers
    return workers.allSatisfy(\.isStill) && state.withLock { $0.contexts }.allSatisfy(\.isStill) && workers.allSatisfy(\.isStill)
  }
}

extension Connection {
  /// The peer's and our end of the bytes that are on their way: whether all that the peer has sent has arrived, and all that was written
  /// to it was received. Event loop.
  package func hasExchanged(sent: UInt64, received: UInt64) -> Bool {
    guard life.phase < .closed else { return true }
    guard outbox.withLock({ $0.bytesWritten }) <= received else { return false }
    // A local socket hands over what is sent to it at once.
    return bytesArrived.map { $0 >= sent } ?? true
  }

  /// What the kernel counts, in a part of `tcp_info` that the C library does not know: tcpi_bytes_received.
  private var bytesArrived: UInt64? {
    let offset = 128
    return withUnsafeTemporaryAllocation(byteCount: 256, alignment: 8) { info in
      var length = socklen_t(info.count)
      guard getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, info.baseAddress, &length) == 0, length >= offset + 8 else {
        return nil
      }
      return info.load(fromByteOffset: offset, as: UInt64.self)
    }
  }
}
