import Testing
import ZinxTestKit
import ZinxIO

/// The queue beside the simplest thing that behaves as it should: an array, sorted by deadline and then by age.
@Suite("TimerQueue and its model")
struct TimerQueueModelTests {
  private struct Model {
    var timers: [(deadline: Int64, id: Int)] = []

    mutating func schedule(_ deadline: Int64, _ id: Int) {
      let place = timers.firstIndex { $0.deadline > deadline } ?? timers.count
      timers.insert((deadline, id), at: place)
    }

    mutating func cancel(_ id: Int) -> Bool {
      guard let place = timers.firstIndex(where: { $0.id == id }) else { return false }
      timers.remove(at: place)
      return true
    }

    mutating func popExpired(at now: Int64) -> Int? {
      guard let first = timers.first, first.deadline <= now else { return nil }
      return timers.removeFirst().id
    }
  }

  @Test("random events have the same effect on both", arguments: 1...60 as ClosedRange<UInt64>)
  func sameEffect(_ seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var queue = TimerQueue<Int>()
    var model = Model()
    var tokens: [TimerQueue<Int>.Token] = []
    var now: Int64 = 0
    // From mostly growing to mostly shrinking, by seed, and with few different deadlines, so that many are equal.
    let growth = Int(seed % 4) + 3
    for _ in 0..<2_000 {
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<growth:
        let deadline = now + Int64.random(in: -2...40, using: &random)
        model.schedule(deadline, tokens.count)
        tokens.append(queue.schedule(at: Instant(nanoseconds: deadline), tokens.count))
      case growth..<8:
        guard let id = tokens.indices.randomElement(using: &random) else { continue }
        #expect(queue.cancel(tokens[id]) == (model.cancel(id) ? id : nil))
      default:
        now += Int64.random(in: 0...6, using: &random)
        while true {
          let fired = queue.popExpired(at: Instant(nanoseconds: now))
          #expect(fired == model.popExpired(at: now))
          if fired == nil { break }
        }
      }
      #expect(queue.count == model.timers.count)
      #expect(queue.isEmpty == model.timers.isEmpty)
      // Cancelled timers may still be counted, so a wait may end too early but never too late.
      if let first = model.timers.first { #expect((queue.next?.nanoseconds ?? .max) <= first.deadline) }
    }
  }
}
