import Glibc
import Synchronization
import Testing
import ZinxIO
import ZinxTestKit

@Suite("Thread", .timeLimit(.minutes(1)))
struct ThreadTests {
  @Test("join returns after the body has, on a thread of its own")
  func join() throws {
    let count = Atomic(0)
    let other = Atomic<UInt>(0)
    let thread = try Thread {
      other.store(UInt(pthread_self()), ordering: .relaxed)
      for _ in 0..<100_000 { count.add(1, ordering: .relaxed) }
    }
    thread.join()
    #expect(count.load(ordering: .relaxed) == 100_000)
    #expect(other.load(ordering: .relaxed) != 0)
  }

  @Test("a second join returns at once")
  func joinTwice() throws {
    let thread = try Thread {}
    thread.join()
    thread.join()
  }

  @Test("a thread that was let go runs all the same")
  func letGo() async throws {
    let probe = Probe<Int>()
    for number in 0..<50 { _ = try Thread { probe.report(number) } }
    try await #expect(Set(probe.next(50)) == Set(0..<50))
  }

  @Test("what the body holds is let go when it has returned")
  func bodyLifetime() throws {
    final class Value: Sendable {}
    weak var weakValue: Value?
    try {
      let value = Value()
      weakValue = value
      try Thread { withExtendedLifetime(value) {} }.join()
    }()
    #expect(weakValue == nil)
  }

  @Test("a thread may hold the last reference to itself")
  func ownReference() async throws {
    let probe = Probe<Bool>()
    let box = Mutex<Thread?>(nil)
    let go = Monitor(false)
    let thread = try Thread {
      go.wait { $0 ? () : nil }
      probe.report(box.withLock { $0.take() } != nil)
    }
    box.withLock { $0 = thread }
    go.withLock { value in
      value = true
      return true
    }
    try await #expect(probe.next())
  }
}
