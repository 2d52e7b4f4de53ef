import Glibc
import NIOCore
import ZinxIO

/// The socket of a connection that speaks more than plain TCP. On its loop.
extension StreamSocket {
  func read(through tunnel: Tunnel, into buffer: inout ByteBuffer) -> Outcome {
    if isDiscarding { return discard() }
    if let end = tunnel.end { return .over(end) }
    switch tunnel.withRoom({ tunnel.receive(from: number, room: $0, into: &buffer) }) {
    case .bytes(let count):
      // Answers to pings and new keys.
      if let error = flushTunnel() { return .failed(error) }
      return .bytes(count)
    case .wouldBlock: return .wouldBlock
    case .end: return .end
    case .failed(let error): return .failed(error)
    }
  }

  /// Reads what means nothing any more.
  private func discard() -> Outcome {
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { room in
      let count = retryingOnInterrupt { Glibc.recv(number, room.baseAddress, room.count, 0) }
      return count == 0 ? .end : Self.outcome(of: "recv", count)
    }
  }

  /// Removes from the beginning of `buffer` what the kernel has, in the form in which it leaves.
  func write(through tunnel: Tunnel, _ buffer: inout ByteBuffer) -> Outcome {
    if let end = tunnel.end { return .over(end) }
    if staged == 0 {
      staged = min(buffer.readableBytes, Tunnel.mostAtOnce)
      buffer.withUnsafeReadableBytes { tunnel.send(UnsafeRawBufferPointer(rebasing: $0[..<staged])) }
    }
    if let error = flushTunnel() { return .failed(error) }
    if let end = tunnel.end { return .over(end) }
    guard !tunnel.isBusy else { return .staged(staged) }
    defer { staged = 0 }
    buffer.moveReaderIndex(forwardBy: staged)
    return .bytes(staged)
  }

  /// Whether the kernel has to take something first; with `hasMore`, of what was not given to the tunnel yet.
  func wantsRoom(hasMore: Bool) -> Bool {
    guard let tunnel else { return hasMore }
    // What cannot be sealed before the server has said more waits for that, and not for room.
    return tunnel.outputBytes > 0 || hasMore && !tunnel.isBusy
  }

  /// Returns what is wrong with the connection.
  func flushTunnel() -> SystemError? { tunnel?.flush(to: number) }

  /// Says the last word after all that was sent. Returns whether nothing is left to say or to wait for, so that this side can be shut.
  func endsTunnel() -> Bool {
    guard let tunnel else { return true }
    tunnel.sayGoodbye(1000)
    if !tunnel.awaitsGoodbye { tunnel.endSending() }
    _ = flushTunnel()
    return !tunnel.isBusy && !tunnel.awaitsGoodbye
  }

  /// The last word of a connection that is closed before its time, if the kernel takes it at once.
  func sayFarewell(_ reason: Client.CloseReason) {
    guard let tunnel, tunnel.end == nil, tunnel.faultOfEnding == nil else { return }
    switch reason {
    case .oversize, .oversizeFrame: tunnel.sayGoodbye(1009)
    case .badFrame: tunnel.sayGoodbye(1002)
    default: tunnel.sayGoodbye(1001)
    }
    tunnel.endSending()
    _ = flushTunnel()
  }
}
