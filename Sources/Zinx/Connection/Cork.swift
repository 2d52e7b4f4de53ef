import NIOCore

/// Where the replies of the batch that a thread runs gather, to leave in one write at its end. One for each event loop and worker,
/// so that an idle connection has no buffer and a reply takes no lock.
///
/// Unchecked: only the thread that owns it touches it; a connection that is corked names that thread (`Connection.corkThread`).
final class Cork: @unchecked Sendable {
  /// Bytes that are gathered before a batch writes in between: the peer can start to read, and memory stays bounded.
  static let flushThreshold = 256 << 10

  var frames = ByteBufferAllocator().buffer(capacity: 16 << 10)
  var count = 0
  /// Frames that still fit into the peer's queue.
  var room = 0
  private(set) var connection: Connection?

  /// Gathers for `connection` from here on, and lets go of the one before.
  func take(_ connection: Connection) {
    letGo()
    self.connection = connection
    connection.wasCorked(by: self)
  }

  /// Writes what was gathered and stops gathering. Called whenever a task on this thread has suspended or ended.
  func letGo() {
    guard let connection else { return }
    self.connection = nil
    connection.flush(self, uncorking: true)
  }

  /// Forgets what was gathered, and memory that one big batch took.
  func clear() {
    count = 0
    if frames.capacity > 2 * Self.flushThreshold {
      frames = ByteBufferAllocator().buffer(capacity: 16 << 10)
    } else {
      frames.clear()
    }
  }
}
