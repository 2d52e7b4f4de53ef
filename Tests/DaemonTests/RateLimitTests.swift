import Testing

@testable import ZinxDaemon

@Suite("A rate limit")
struct RateLimitTests {
  private typealias Instant = ContinuousClock.Instant
  private let start = Instant.now

  @Test("lets a burst through, and counts what comes after it")
  func burst() {
    var limit = RateLimit<Instant>(burst: 3, perSecond: 1)
    #expect((0..<5).map { _ in limit.pass(at: start) } == [true, true, true, false, false])
    #expect(limit.leftOut == 2)
  }

  @Test("then lets so many a second through")
  func refills() {
    var limit = RateLimit<Instant>(burst: 1, perSecond: 2)
    let passed = (0..<20).filter { limit.pass(at: start.advanced(by: .milliseconds(125) * $0)) }
    #expect(passed == [0, 4, 8, 12, 16])
  }

  @Test("saves no more than a burst for later")
  func saves() {
    var limit = RateLimit<Instant>(burst: 2, perSecond: 1)
    _ = limit.pass(at: start)
    let later = start.advanced(by: .seconds(3600))
    #expect((0..<4).map { _ in limit.pass(at: later) } == [true, true, false, false])
  }

  @Test("gives its count away once")
  func takes() {
    var limit = RateLimit<Instant>(burst: 1, perSecond: 1)
    for _ in 0..<4 { _ = limit.pass(at: start) }
    #expect((0..<2).map { _ in limit.takeLeftOut() } == [3, 0])
    _ = limit.pass(at: start)
    let more = limit.takeLeftOut()
    #expect(more == 1)
  }

  @Test("that never refills lets the burst through and no more")
  func neverRefills() {
    var limit = RateLimit<Instant>(burst: 1, perSecond: 0)
    #expect([0, 1_000_000].map { limit.pass(at: start.advanced(by: .seconds($0))) } == [true, false])
  }

  @Test("reads seconds of a duration", arguments: [(Duration.zero, 0), (.milliseconds(1500), 1.5), (.seconds(-2), -2)])
  func seconds(_ duration: Duration, _ expected: Double) {
    #expect(duration.inSeconds == expected)
  }
}
