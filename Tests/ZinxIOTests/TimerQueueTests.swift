import Testing
import ZinxIO

@Suite("TimerQueue")
struct TimerQueueTests {
  private func at(_ nanoseconds: Int64) -> Instant { Instant(nanoseconds: nanoseconds) }

  private func drain<Payload>(_ queue: inout TimerQueue<Payload>, at now: Instant) -> [Payload] {
    var fired: [Payload] = []
    while let payload = queue.popExpired(at: now) { fired.append(payload) }
    return fired
  }

  @Test("an empty queue has no deadline and fires nothing")
  func empty() {
    var queue = TimerQueue<Int>()
    #expect(queue.isEmpty && queue.count == 0 && queue.next == nil)
    #expect(queue.popExpired(at: .distantFuture) == nil)
  }

  @Test("timers fire by deadline, in whatever order they were set")
  func order() {
    var queue = TimerQueue<Int64>()
    for deadline: Int64 in [5, 1, 4, 1_000, -3, 0, 2] { _ = queue.schedule(at: at(deadline), deadline) }
    #expect(queue.next == at(-3))
    #expect(drain(&queue, at: at(1_000)) == [-3, 0, 1, 2, 4, 5, 1_000])
    #expect(queue.isEmpty && queue.next == nil)
  }

  @Test("a timer fires at its deadline and not a nanosecond before")
  func notEarly() {
    var queue = TimerQueue<String>()
    _ = queue.schedule(at: at(10), "ten")
    #expect(queue.popExpired(at: at(9)) == nil)
    #expect(queue.count == 1)
    #expect(queue.popExpired(at: at(10)) == "ten")
    #expect(queue.popExpired(at: at(10)) == nil)
  }

  @Test("equal deadlines fire in the order in which they were set")
  func fifo() {
    var queue = TimerQueue<Int>()
    for index in 0..<200 { _ = queue.schedule(at: at(index % 2 == 0 ? 7 : 8), index) }
    #expect(drain(&queue, at: at(8)) == Array(stride(from: 0, to: 200, by: 2)) + Array(stride(from: 1, to: 200, by: 2)))
  }

  @Test("a cancelled timer does not fire, and only the first cancellation finds it")
  func cancel() {
    var queue = TimerQueue<Int>()
    _ = queue.schedule(at: at(1), 1)
    let two = queue.schedule(at: at(2), 2)
    _ = queue.schedule(at: at(3), 3)
    let cancelled = [queue.cancel(two), queue.cancel(two)]
    #expect(cancelled == [2, nil])
    #expect(queue.count == 2)
    #expect(drain(&queue, at: at(3)) == [1, 3])
  }

  @Test("a timer that has fired cannot be cancelled, and its token never names another")
  func cancelFired() {
    var queue = TimerQueue<Int>()
    let first = queue.schedule(at: at(1), 1)
    #expect(queue.popExpired(at: at(1)) == 1)
    let second = queue.schedule(at: at(1), 2)
    #expect(first != second)
    #expect(queue.cancel(first) == nil)
    #expect(queue.popExpired(at: at(1)) == 2)
  }

  @Test("a queue whose timers were all cancelled is empty, and nothing is due next")
  func cancelAll() {
    var queue = TimerQueue<Int>()
    let tokens = (0..<100).map { queue.schedule(at: at(Int64($0)), $0) }
    for token in tokens { queue.cancel(token) }
    // Whoever waits for the next one would find it due and not there, for ever.
    #expect(queue.next == nil)
    #expect(queue.isEmpty)
    #expect(queue.popExpired(at: .distantFuture) == nil)
    #expect(queue.next == nil)
  }

  @Test("a queue whose last timer has fired has no deadline left, also if one was cancelled that would have come later")
  func cancelledBehindTheLast() {
    var queue = TimerQueue<Int>()
    _ = queue.schedule(at: at(1), 1)
    queue.cancel(queue.schedule(at: at(2), 2))
    #expect(queue.popExpired(at: at(1)) == 1)
    #expect(queue.next == nil)
  }

  @Test("restarting timers over and over does not grow the heap")
  func boundedHeap() {
    var queue = TimerQueue<Int>()
    var tokens = (0..<100).map { queue.schedule(at: at(Int64($0)), $0) }
    var largest = 0
    for round in 0..<20_000 {
      queue.cancel(tokens[round % 100])
      tokens[round % 100] = queue.schedule(at: at(Int64(round)), round % 100)
      largest = max(largest, heapCount(queue))
    }
    #expect(queue.count == 100)
    #expect(largest <= 202)
    #expect(drain(&queue, at: .distantFuture).sorted() == Array(0..<100))
  }

  @Test("a payload is let go when its timer is cancelled, not when its deadline comes")
  func payloadLifetime() {
    final class Payload {}
    var queue = TimerQueue<Payload>()
    weak var weakPayload: Payload?
    let token = {
      let payload = Payload()
      weakPayload = payload
      return queue.schedule(at: at(1), payload)
    }()
    #expect(weakPayload != nil)
    queue.cancel(token)
    #expect(weakPayload == nil)
  }

  /// The heap is private; its size is the one thing about it that matters outside.
  private func heapCount<Payload>(_ queue: TimerQueue<Payload>) -> Int {
    Mirror(reflecting: queue).children.first { $0.label == "heap" }.map { Mirror(reflecting: $0.value).children.count } ?? .max
  }
}
