import Glibc
import ZinxClient
import ZinxIO

/// One connection of the load; its number tells it from all others of the run.
///
/// Exclusivity is not checked at run time: a connection belongs to one thread, which never calls back into it from itself.
final class Connection {
  enum State {
    case closed
    case connecting
    /// The kernel has connected, and TLS or WebSocket is settled.
    case shaking
    /// What is sent first has not been answered yet.
    case greeting
    case open
  }

  let number: Int
  @exclusivity(unchecked) var state = State.closed
  @exclusivity(unchecked) var descriptor: Int32 = -1
  /// Nil where the stream is the socket's own.
  @exclusivity(unchecked) var tunnel: Tunnel?
  /// Whether its room in the kernel is waited for.
  @exclusivity(unchecked) var awaitsRoom = false
  /// When connecting began; in churn when that was due.
  @exclusivity(unchecked) var startedAt: Int64 = 0
  @exclusivity(unchecked) var log = SentLog()
  @exclusivity(unchecked) var cursor = SendCursor()
  @exclusivity(unchecked) var reader: ReplyReader

  init(number: Int) {
    self.number = number
    reader = ReplyReader(connection: number)
  }

  func begin(_ descriptor: Int32, at now: Int64) {
    self.descriptor = descriptor
    startedAt = now
    state = .connecting
    awaitsRoom = false
    log.removeAll()
    cursor = SendCursor()
    reader = ReplyReader(connection: number)
  }

  /// Returns how many requests were outstanding.
  func close() -> Int {
    guard state != .closed else { return 0 }
    if let tunnel { end(tunnel) }
    _ = Glibc.close(descriptor)
    descriptor = -1
    state = .closed
    defer { log.removeAll() }
    return log.outstanding
  }

  /// The last words, if the kernel takes them at once: without them a server would have to take the end for a cut.
  private func end(_ tunnel: Tunnel) {
    tunnel.sayGoodbye(1000)
    tunnel.endSending()
    _ = tunnel.flush(to: descriptor)
    self.tunnel = nil
  }
}
