import Synchronization
import Testing
import ZinxIO
import ZinxTestKit

@Suite("Monitor", .timeLimit(.minutes(1)))
struct MonitorTests {
  @Test("a wait for what is there already does not sleep")
  func atOnce() {
    let monitor = Monitor(7)
    #expect(monitor.wait { $0 == 7 ? "seven" : nil } == "seven")
  }

  @Test("a wait may change the value, under the lock")
  func changes() {
    let monitor = Monitor([1, 2])
    #expect(monitor.wait { $0.popLast() } == 2)
    #expect(monitor.wait { $0.popLast() } == 1)
  }

  @Test("a sleeper is woken by the change it waits for, and sleeps on after others")
  func wakes() async throws {
    let monitor = Monitor(0)
    let probe = Probe<Int>()
    let sleeper = try TestThread { probe.report(monitor.wait { $0 >= 3 ? $0 : nil }) }
    for _ in 0..<3 {
      #expect(probe.all.isEmpty)
      monitor.withLock { value in
        value += 1
        return true
      }
    }
    try await #expect(probe.next() == 3)
    try await sleeper.end()
  }

  @Test("a change without a wake-up is seen with the next one")
  func quietChange() async throws {
    let monitor = Monitor((calls: 0, value: 0))
    let probe = Probe<Int>()
    let sleeper = try TestThread {
      let value = monitor.wait { state in
        state.calls += 1
        return state.value == 2 ? state.value : nil
      }
      probe.report(value)
    }
    for wake in [false, true] {
      monitor.withLock { state in
        state.value += 1
        return wake
      }
    }
    try await #expect(probe.next() == 2)
    try await sleeper.end()
  }

  @Test("two threads that take turns are never both asleep")
  func turns() async throws {
    let turn = Monitor(0)
    try await onThreads(2) { player in
      for round in 0..<5_000 {
        turn.wait { $0 == 2 * round + player ? () : nil }
        turn.withLock { value in
          value += 1
          return true
        }
      }
    }
    #expect(turn.wait { $0 } == 10_000)
  }

  @Test("several producers and consumers lose no item and no wake-up")
  func manyThreads() async throws {
    let each = 5_000
    let queue = Monitor<[Int]>([])
    let sum = Atomic(0)
    let taken = Atomic(0)
    let consumers = try (0..<4).map { _ in
      try TestThread {
        while true {
          let item = queue.wait { $0.popLast() }
          guard item > 0 else { return }
          sum.add(item, ordering: .relaxed)
          taken.add(1, ordering: .relaxed)
        }
      }
    }
    @Sendable func put(_ item: Int, last: Bool = false) {
      queue.withLock { items in
        // The last ones lie at the bottom of the stack: they are taken when everything else is gone.
        if last { items.insert(item, at: 0) } else { items.append(item) }
        return true
      }
    }
    try await onThreads(4) { _ in for item in 1...each { put(item) } }
    for _ in consumers { put(0, last: true) }
    for consumer in consumers { try await consumer.end() }
    #expect(taken.load(ordering: .relaxed) == 4 * each)
    #expect(sum.load(ordering: .relaxed) == 4 * each * (each + 1) / 2)
  }

  @Test("its value is let go with it")
  func lifetime() {
    final class Value: Sendable {}
    weak var weakValue: Value?
    do {
      let value = Value()
      weakValue = value
      let monitor = Monitor(value)
      #expect(monitor.wait { $0 === value ? true : nil })
    }
    #expect(weakValue == nil)
  }
}
