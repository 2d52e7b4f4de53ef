import Synchronization
import Testing
import ZinxIO
import ZinxTestKit

@Suite("EventLoop: work", .timeLimit(.minutes(1)))
struct EventLoopWorkTests {
  @Test("work from outside wakes a waiting loop, every time")
  func wakes() async throws {
    try await withLoop { loop in
      for round in 0..<2_000 { try await #expect(loop.call { round } == round) }
    }
  }

  @Test("work runs on the loop's thread, and only there is the loop current")
  func current() async throws {
    try await withLoop { loop in
      #expect(!loop.isCurrent)
      try await #expect(loop.call { loop.isCurrent })
    }
  }

  @Test("work from inside runs after its author and before the loop waits again")
  func fromInside() async throws {
    // A tick of the clock in between ends the turn, and another wake-up does the rest; hardly so five times running.
    var orders: [[String]] = []
    while orders.count < 5, orders.last != ["inner", "innermost", "wake"] { try await orders.append(orderFromInside()) }
    #expect(orders.last == ["inner", "innermost", "wake"], "\(orders)")
  }

  /// What happens on a loop after work that brings work that brings work.
  private func orderFromInside() async throws -> [String] {
    let probe = Probe<String>()
    return try await withLoop(setUp: { $0.setHooks(afterWake: { probe.report("wake") }) }) { loop in
      loop.execute {
        loop.execute {
          loop.execute { probe.report("innermost") }
          probe.report("inner")
        }
        probe.report("outer")
      }
      while try await probe.next() != "outer" {}
      return try await probe.next(3)
    }
  }

  @Test("work that begets work for ever does not keep the loop from its descriptors")
  func begetting() async throws {
    let pair = try Pair.pipe()
    let ended = Probe<Void>()
    let isReady = Atomic(false)
    try await withLoop { loop in
      @Sendable func again() {
        if isReady.load(ordering: .relaxed) { ended.report(()) } else { loop.execute(again) }
      }
      let handler = Handler { _ in
        take(pair.near)
        isReady.store(true, ordering: .relaxed)
      }
      try await loop.call {
        try loop.register(pair.near, for: .readable, handler)
        again()
      }
      poke(pair.far)
      try await ended.next()
    }
  }

  @Test("of many wake-ups from many threads none is lost, and each thread's work stays in order")
  func manyThreads() async throws {
    let threads = 8
    let each = 2_000
    let seen = Mutex<[[Int]]>(Array(repeating: [], count: threads))
    try await withLoop { loop in
      try await onThreads(threads) { author in
        for number in 0..<each { loop.execute { seen.withLock { $0[author].append(number) } } }
      }
      try await loop.call {}
      #expect(seen.withLock { $0 } == Array(repeating: Array(0..<each), count: threads))
    }
  }

  @Test("threads that each wait for their own work before they bring more are never left waiting")
  func pingPong() async throws {
    try await withLoop { loop in
      try await onThreads(4) { _ in
        let isDone = Monitor(false)
        for _ in 0..<1_000 {
          loop.execute {
            isDone.withLock { done in
              done = true
              return true
            }
          }
          isDone.wait { done in
            defer { done = false }
            return done ? () : nil
          }
        }
      }
    }
  }

  @Test("afterWake runs after the work of its wake-up")
  func afterWake() async throws {
    let probe = Probe<String>()
    try await withLoop(setUp: { $0.setHooks(afterWake: { probe.report("wake") }) }) { loop in
      for _ in 0..<100 {
        loop.execute { probe.report("work") }
        while try await probe.next() != "work" {}
        try await #expect(probe.next() == "wake")
      }
    }
  }
}
