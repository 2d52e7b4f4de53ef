import Synchronization
import Testing
import ZinxIO
import ZinxTestKit

@Suite("Parker", .timeLimit(.minutes(1)))
struct ParkerTests {
  @Test("a wake-up that comes first is not missed")
  func before() async throws {
    let parker = Parker()
    parker.unpark()
    try await onThread { parker.park() }
  }

  @Test("each wake-up ends one sleep")
  func pairs() async throws {
    let parker = Parker()
    for _ in 0..<3 { parker.unpark() }
    try await onThread { for _ in 0..<3 { parker.park() } }
  }

  @Test("two threads that wake each other in turn both get to the end")
  func pingPong() async throws {
    let (one, other) = (Parker(), Parker())
    let turns = Mutex<[Int]>([])
    let thread = try Thread {
      for _ in 0..<1000 {
        one.park()
        turns.withLock { $0.append(1) }
        other.unpark()
      }
    }
    try await onThread {
      for _ in 0..<1000 {
        turns.withLock { $0.append(0) }
        one.unpark()
        other.park()
      }
    }
    thread.join()
    #expect(turns.withLock { $0 } == (0..<2000).map { $0 % 2 })
  }
}
