import Testing
import ZinxIO

@testable import ZinxDaemon

@Suite("A rate limit")
struct RateLimitTests {
  private func at(milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

  @Test("lets a burst through, counts what comes after it, then lets so many a second through")
  func passes() {
    var limit = RateLimit(burst: 3, perSecond: 2)
    #expect((0..<5).map { _ in limit.pass(at: at(milliseconds: 0)) } == [true, true, true, false, false])
    #expect(limit.leftOut == 2)
    #expect((1...12).filter { limit.pass(at: at(milliseconds: 125 * $0)) } == [4, 8, 12])
    #expect(limit.leftOut == 11)
  }

  @Test("gives its count away once")
  func takes() {
    var limit = RateLimit(burst: 1, perSecond: 1)
    for _ in 0..<4 { _ = limit.pass(at: at(milliseconds: 0)) }
    #expect((0..<2).map { _ in limit.takeLeftOut() } == [3, 0])
    _ = limit.pass(at: at(milliseconds: 0))
    #expect(limit.takeLeftOut() == 1)
  }
}
