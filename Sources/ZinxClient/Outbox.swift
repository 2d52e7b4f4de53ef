import NIOCore

/// Frames on their way to the kernel, in order. Small ones leave together, in one write.
struct Outbox {
  private struct Entry {
    let ticket: UInt64
    /// Empty once it was taken back.
    var frame: ByteBuffer
    var sent: Waiter<Void>?
    var isStarted = false

    var isWithdrawn: Bool { frame.readableBytes == 0 }
  }

  /// Bytes of frames that are copied into one write. A larger frame is written by itself.
  private static let bytesPerWrite = 64 << 10

  /// The first one is never withdrawn, nor the last.
  private var entries = CircularBuffer<Entry>()
  private var withdrawn = 0

  var isEmpty: Bool { entries.isEmpty }

  /// `sent` learns that the kernel has the whole frame. `ticket` is greater than all before.
  mutating func append(_ frame: ByteBuffer, _ ticket: UInt64, sent: Waiter<Void>?) {
    entries.append(Entry(ticket: ticket, frame: frame, sent: sent))
  }

  /// Lets `write` take from the first frames. Returns those who wait for frames that have gone as a whole.
  mutating func write(
    _ write: (inout ByteBuffer) -> StreamSocket.Outcome
  ) -> (outcome: StreamSocket.Outcome, sent: [Waiter<Void>]) {
    let (count, bytes) = nextWrite()
    guard count > 0 else { return (.wouldBlock, []) }
    if count == 1 {
      let outcome = write(&entries[entries.startIndex].frame)
      switch outcome {
      case .bytes, .staged: entries[entries.startIndex].isStarted = true
      default: break
      }
      return (outcome, takeWritten(0))
    }
    var together = ByteBufferAllocator().buffer(capacity: bytes)
    for entry in entries.prefix(count) { together.writeImmutableBuffer(entry.frame) }
    let outcome = write(&together)
    if case .staged(let count) = outcome { start(count) }
    return (outcome, takeWritten(bytes - together.readableBytes))
  }

  /// The first `count` bytes cannot be taken back.
  private mutating func start(_ count: Int) {
    var rest = count
    for index in entries.indices {
      guard rest > 0 else { return }
      rest -= entries[index].frame.readableBytes
      // What is withdrawn has no bytes, and is counted as such.
      if !entries[index].isWithdrawn { entries[index].isStarted = true }
    }
  }

  /// How many entries leave with the next write, and their bytes.
  private func nextWrite() -> (count: Int, bytes: Int) {
    var (count, bytes) = (0, 0)
    for entry in entries {
      guard count == 0 || bytes + entry.frame.readableBytes <= Self.bytesPerWrite else { break }
      count += 1
      bytes += entry.frame.readableBytes
    }
    return (count, bytes)
  }

  /// The kernel has taken the first `count` bytes.
  private mutating func takeWritten(_ count: Int) -> [Waiter<Void>] {
    var rest = count
    var sent: [Waiter<Void>] = []
    while let first = entries.first, first.frame.readableBytes <= rest {
      rest -= first.frame.readableBytes
      if first.isWithdrawn, !first.isStarted { withdrawn -= 1 }
      if let waiter = entries.removeFirst().sent { sent.append(waiter) }
    }
    guard rest > 0, !entries.isEmpty else { return sent }
    entries[entries.startIndex].frame.moveReaderIndex(forwardBy: rest)
    entries[entries.startIndex].isStarted = true
    return sent
  }

  /// Takes a frame out again, unless some of it has gone: half a frame would garble all that follows. Returns whether it did, and
  /// the one who waits for the frame.
  mutating func giveUp(_ ticket: UInt64) -> (isWithdrawn: Bool, sent: Waiter<Void>?) {
    let index = entries.firstIndexInOrder { $0.ticket >= ticket }
    guard index < entries.endIndex, entries[index].ticket == ticket, !entries[index].isWithdrawn else { return (false, nil) }
    let sent = entries[index].sent
    entries[index].sent = nil
    guard !entries[index].isStarted else { return (false, sent) }
    entries[index].frame = ByteBuffer()
    withdrawn += 1
    tidy()
    return (true, sent)
  }

  /// Drops what is withdrawn at both ends, and all of it once it outnumbers the rest: taken out one by one, each would move many.
  private mutating func tidy() {
    while entries.first?.isWithdrawn == true {
      entries.removeFirst()
      withdrawn -= 1
    }
    while entries.last?.isWithdrawn == true {
      entries.removeLast()
      withdrawn -= 1
    }
    guard 2 * withdrawn > entries.count else { return }
    entries.removeAll(where: \.isWithdrawn)
    withdrawn = 0
  }

  /// Empties the box and returns everybody who waits.
  mutating func removeAll() -> [Waiter<Void>] {
    defer {
      entries.removeAll()
      withdrawn = 0
    }
    return entries.compactMap(\.sent)
  }
}

extension RandomAccessCollection {
  /// The first element that is so, where all behind it are too; the end without one.
  func firstIndexInOrder(where isSo: (Element) -> Bool) -> Index {
    var (low, count) = (startIndex, count)
    while count > 0 {
      let middle = index(low, offsetBy: count / 2)
      if isSo(self[middle]) {
        count /= 2
      } else {
        low = index(after: middle)
        count -= count / 2 + 1
      }
    }
    return low
  }
}
