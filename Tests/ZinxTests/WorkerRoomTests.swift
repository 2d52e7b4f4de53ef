import Synchronization
import Testing
import ZinxTestKit

@testable import Zinx

@Suite("The room of a worker, at random", .timeLimit(.minutes(1)))
struct WorkerRoomTests {
  @Test("what is granted never passes the limit, and all of it can be granted again", arguments: 0..<10 as Range<UInt64>)
  func model(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let worker = Worker()
    var limit = 100
    var granted: [Int] = []
    for _ in 0..<1000 {
      if Int.random(in: 0..<50, using: &random) == 0 { limit = Int.random(in: 1...200, using: &random) }
      if Bool.random(using: &random), let last = granted.popLast() { worker.release(last) }
      let wanted = Int.random(in: 1...60, using: &random)
      let count = worker.reserve(wanted, limit: limit)
      let used = granted.reduce(0, +)
      #expect(count == max(0, min(wanted, limit - used)))
      if count > 0 { granted.append(count) }
    }
    for count in granted { worker.release(count) }
    #expect(worker.reserve(1000, limit: 200) == 200)
  }

  private final class Use: Sendable {
    let now = Atomic<Int>(0)
    let overshoot = Atomic<Int>(0)
  }

  @Test("threads that reserve at once never get more than there is")
  func threads() async {
    let worker = Worker()
    let use = Use()
    await withTaskGroup { group in
      for seed in 0..<4 as Range<UInt64> {
        group.addTask {
          var random = SplitMix64(seed: seed)
          for _ in 0..<5000 {
            let count = worker.reserve(Int.random(in: 1...7, using: &random), limit: 10)
            guard count > 0 else { continue }
            if use.now.wrappingAdd(count, ordering: .relaxed).newValue > 10 { use.overshoot.wrappingAdd(1, ordering: .relaxed) }
            use.now.wrappingSubtract(count, ordering: .relaxed)
            worker.release(count)
          }
        }
      }
    }
    #expect(use.overshoot.load(ordering: .relaxed) == 0)
    #expect(worker.reserve(10, limit: 10) == 10)
  }
}
