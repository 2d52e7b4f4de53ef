/// Deadlines in order: a binary heap, with cancellation by forgetting. Holds no clock.
package struct TimerQueue<Payload> {
  /// Names a timer until it has fired or was cancelled; never reused.
  package struct Token: Hashable, Sendable {
    fileprivate let serial: UInt64
  }

  private struct Entry {
    let deadline: Instant
    let serial: UInt64

    /// Equal deadlines fire in the order in which they were set.
    func comesBefore(_ other: Entry) -> Bool {
      deadline == other.deadline ? serial < other.serial : deadline < other.deadline
    }
  }

  private var heap: [Entry] = []
  private var payloads: [UInt64: Payload] = [:]
  private var nextSerial: UInt64 = 0

  package init() {}

  package var isEmpty: Bool { payloads.isEmpty }
  package var count: Int { payloads.count }

  /// The earliest deadline. A cancelled timer may still be counted: a wait that ends too early is harmless.
  package var next: Instant? { heap.first?.deadline }

  package mutating func schedule(at deadline: Instant, _ payload: Payload) -> Token {
    let serial = nextSerial
    nextSerial += 1
    payloads[serial] = payload
    heap.append(Entry(deadline: deadline, serial: serial))
    siftUp(from: heap.count - 1)
    return Token(serial: serial)
  }

  /// Returns the payload if the timer was still waiting, so that it ends in the caller's hands and not inside the queue.
  @discardableResult
  package mutating func cancel(_ token: Token) -> Payload? {
    guard let payload = payloads.removeValue(forKey: token.serial) else { return nil }
    // Keep the forgotten from outnumbering the living: restarting timers over and over must not grow the heap.
    if heap.count > 64, heap.count > 2 * payloads.count { rebuild() }
    forgetIfEmpty()
    return payload
  }

  /// The payload of the earliest timer that is due, or nil.
  package mutating func popExpired(at now: Instant) -> Payload? {
    while let first = heap.first, first.deadline <= now {
      removeFirst()
      if let payload = payloads.removeValue(forKey: first.serial) {
        forgetIfEmpty()
        return payload
      }
    }
    return nil
  }

  /// Where no timer is left nobody comes to take the forgotten out: one of them that is due would have whoever waits for it look again and
  /// again.
  private mutating func forgetIfEmpty() { if payloads.isEmpty { heap.removeAll(keepingCapacity: true) } }

  private mutating func rebuild() {
    heap = heap.filter { payloads[$0.serial] != nil }
    for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { siftDown(from: index) }
  }

  private mutating func removeFirst() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    siftDown(from: 0)
  }

  private mutating func siftUp(from start: Int) {
    var child = start
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].comesBefore(heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  private mutating func siftDown(from start: Int) {
    var parent = start
    while true {
      var smallest = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].comesBefore(heap[smallest]) {
        smallest = child
      }
      guard smallest != parent else { return }
      heap.swapAt(parent, smallest)
      parent = smallest
    }
  }
}
