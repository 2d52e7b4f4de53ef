import Synchronization
import Testing
import ZinxIO

@Suite("EventLoop: timers", .timeLimit(.minutes(1)))
struct EventLoopTimerTests {
  private func milliseconds(_ count: Int64) -> Instant { .now.advanced(byNanoseconds: count * 1_000_000) }

  @Test("timers fire by deadline and not early, on the loop")
  func order() async throws {
    struct Firing: Sendable {
      var number: Int
      var isInTime: Bool
    }
    let probe = Probe<Firing>()
    try await withLoop { loop in
      try await loop.call {
        let start = Instant.now
        for number in [3, 0, 4, 1, 2] {
          let deadline = start.advanced(byNanoseconds: Int64(number) * 1_500_000)
          loop.schedule(at: deadline) {
            let isInTime = deadline <= loop.now && loop.now <= .now && loop.isCurrent
            probe.report(Firing(number: number, isInTime: isInTime))
          }
        }
      }
      let firings = try await probe.next(5)
      #expect(firings.map(\.number) == [0, 1, 2, 3, 4])
      #expect(firings.count(where: \.isInTime) == 5)
    }
  }

  @Test("equal deadlines fire in the order in which they were set")
  func equal() async throws {
    let probe = Probe<Int>()
    try await withLoop { loop in
      try await loop.call {
        let deadline = Instant.now.advanced(byNanoseconds: 1_000_000)
        for number in 0..<100 { loop.schedule(at: deadline) { probe.report(number) } }
      }
      try await #expect(probe.next(100) == Array(0..<100))
    }
  }

  @Test("a timer set before the loop runs fires")
  func beforeRun() async throws {
    let probe = Probe<Bool>()
    try await withLoop(setUp: { loop in loop.schedule(at: .now) { probe.report(loop.isCurrent) } }) { _ in
      try await #expect(probe.next())
    }
  }

  @Test("a timer set from a timer fires, and so does the one it sets")
  func fromTimer() async throws {
    let probe = Probe<Int>()
    try await withLoop { loop in
      @Sendable func tick(_ number: Int) {
        probe.report(number)
        if number < 5 { loop.schedule(at: loop.now.advanced(byNanoseconds: 200_000)) { tick(number + 1) } }
      }
      loop.execute { tick(0) }
      try await #expect(probe.next(6) == [0, 1, 2, 3, 4, 5])
    }
  }

  @Test("a timer that sets itself again for this very moment does not keep the loop from its work")
  func selfRenewing() async throws {
    let isEnough = Atomic(false)
    try await withLoop { loop in
      @Sendable func renew() {
        if !isEnough.load(ordering: .relaxed) { loop.schedule(at: loop.now, renew) }
      }
      try await loop.call { renew() }
      try await loop.call { isEnough.store(true, ordering: .relaxed) }
    }
  }

  @Test("a cancelled timer does not fire, not even one that is due already")
  func cancel() async throws {
    let probe = Probe<String>()
    try await withLoop { loop in
      try await loop.call {
        let far = loop.schedule(at: .distantFuture) { probe.report("far") }
        let due = loop.schedule(at: loop.now) { probe.report("due") }
        loop.schedule(at: .now.advanced(byNanoseconds: 500_000)) { probe.report("fires") }
        loop.cancel(far)
        loop.cancel(due)
      }
      try await #expect(probe.next() == "fires")
    }
    #expect(probe.all == ["fires"])
  }

  @Test("a timer can cancel one that is due with it")
  func cancelFromTimer() async throws {
    let probe = Probe<String>()
    try await withLoop { loop in
      try await loop.call {
        let deadline = loop.now
        let victim = Mutex<EventLoop.Timer?>(nil)
        loop.schedule(at: deadline) {
          if let victim = victim.withLock({ $0 }) { loop.cancel(victim) }
          probe.report("first")
        }
        let second = loop.schedule(at: deadline) { probe.report("second") }
        victim.withLock { $0 = second }
        loop.schedule(at: deadline) { probe.report("third") }
      }
      try await #expect(probe.next(2) == ["first", "third"])
    }
    #expect(probe.all == ["first", "third"])
  }

  @Test("deadlines at both ends of time: one fires at once, the other never")
  func ends() async throws {
    let probe = Probe<String>()
    try await withLoop { loop in
      try await loop.call {
        loop.schedule(at: .distantFuture) { probe.report("future") }
        loop.schedule(at: Instant(nanoseconds: .min)) { probe.report("past") }
      }
      try await #expect(probe.next() == "past")
      try await loop.call {}
    }
    #expect(probe.all == ["past"])
  }

  @Test("what a cancelled timer alone kept alive may use the loop as it goes")
  func lastReference() async throws {
    final class Owner: Sendable {
      let loop: EventLoop
      let other: EventLoop.Timer
      init(_ loop: EventLoop) {
        self.loop = loop
        other = loop.schedule(at: .distantFuture) {}
      }
      deinit { loop.cancel(other) }
    }
    try await withLoop { loop in
      try await loop.call {
        let owner = Owner(loop)
        let timer = loop.schedule(at: .distantFuture) { withExtendedLifetime(owner) {} }
        loop.execute { loop.cancel(timer) }
      }
      try await loop.call {}
    }
  }
}
