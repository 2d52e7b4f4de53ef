import NIOCore

/// Frames on their way to the kernel, in order.
struct Outbox {
  private struct Entry {
    let ticket: UInt64
    var frame: ByteBuffer
    var sent: Waiter<Void>?
    var isStarted = false
  }

  private var entries = CircularBuffer<Entry>()

  var isEmpty: Bool { entries.isEmpty }

  /// `sent` learns that the kernel has the whole frame.
  mutating func append(_ frame: ByteBuffer, _ ticket: UInt64, sent: Waiter<Void>?) {
    entries.append(Entry(ticket: ticket, frame: frame, sent: sent))
  }

  /// Lets `write` take from the first frame. Returns the one who waits for that frame, once it has gone as a whole.
  mutating func writeFirst(
    _ write: (inout ByteBuffer) -> StreamSocket.Outcome
  ) -> (outcome: StreamSocket.Outcome, sent: Waiter<Void>?) {
    guard !entries.isEmpty else { return (.wouldBlock, nil) }
    let outcome = write(&entries[entries.startIndex].frame)
    if case .bytes = outcome { entries[entries.startIndex].isStarted = true }
    guard entries[entries.startIndex].frame.readableBytes == 0 else { return (outcome, nil) }
    return (outcome, entries.removeFirst().sent)
  }

  /// Takes a frame out again, unless some of it has gone: half a frame would garble all that follows. Returns whether it did, and
  /// the one who waits for the frame.
  mutating func giveUp(_ ticket: UInt64) -> (isWithdrawn: Bool, sent: Waiter<Void>?) {
    guard let index = entries.firstIndex(where: { $0.ticket == ticket }) else { return (false, nil) }
    guard entries[index].isStarted else { return (true, entries.remove(at: index).sent) }
    defer { entries[index].sent = nil }
    return (false, entries[index].sent)
  }

  /// Empties the box and returns everybody who waits.
  mutating func removeAll() -> [Waiter<Void>] {
    defer { entries.removeAll() }
    return entries.compactMap(\.sent)
  }
}
