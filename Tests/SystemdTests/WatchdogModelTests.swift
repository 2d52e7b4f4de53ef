import Testing
import ZinxTestKit

@testable import Systemd

@Suite("The watchdog, at random")
struct WatchdogModelTests {
  @Test("a ping follows answers of every loop to one question, and no question is put twice", arguments: 0..<20 as Range<UInt64>)
  func model(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var now = ContinuousClock.now
    let loops = 3
    var watchdog = try #require(Watchdog(timeout: .seconds(2), loops: loops, now: now))
    /// Loops that owe an answer; nil between rounds.
    var missing: Set<Int>?
    var pings = 0
    for _ in 0..<1000 {
      if Bool.random(using: &random) {
        let isDue = now >= watchdog.nextTick
        switch watchdog.tick(at: now) {
        case .wait(let until): #expect(!isDue && until > now)
        case .ask:
          #expect(isDue && missing == nil)
          missing = Set(0..<loops)
        case .late(let late): #expect(isDue && late == missing?.sorted())
        case .ping, .nothing: Issue.record("a tick asks first")
        }
        if isDue { #expect(watchdog.nextTick > now && watchdog.nextTick <= now.advanced(by: .seconds(1))) }
      } else {
        // Also a number that is no loop, and a loop that has answered before.
        let loop = Int.random(in: -1...loops, using: &random)
        missing?.remove(loop)
        let isLast = missing?.isEmpty == true
        #expect(watchdog.answer(from: loop) == (isLast ? .ping : .nothing))
        if isLast { (missing, pings) = (nil, pings + 1) }
      }
      now = now.advanced(by: .milliseconds(Int.random(in: 0...700, using: &random)))
    }
    #expect(pings > 10)
  }
}
