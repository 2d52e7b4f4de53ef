import Systemd
import Testing

@Suite struct WatchdogTests {
  private func watchdog(loops: Int = 2) throws -> Watchdog<Tick> {
    try #require(Watchdog(timeout: .seconds(10), loops: loops, now: Tick(0)))
  }

  @Test("a manager that does not watch needs no watchdog")
  func none() {
    #expect(Watchdog(timeout: nil, loops: 2, now: Tick(0)) == nil)
    #expect(Watchdog(timeout: .zero, loops: 2, now: Tick(0)) == nil)
  }

  @Test("the interval is half of the time-out")
  func half() throws {
    #expect(try watchdog().interval == .seconds(5))
  }

  @Test("it asks at once, and then once per interval when all answer")
  func asks() throws {
    var watchdog = try watchdog(loops: 1)
    #expect(watchdog.tick(at: Tick(0)) == .ask)
    #expect(watchdog.answer(from: 0) == .ping)
    #expect(watchdog.tick(at: Tick(4_999)) == .wait(until: Tick(5_000)))
    #expect(watchdog.tick(at: Tick(5_000)) == .ask)
  }

  @Test("a ping is due with the last answer, once")
  func pings() throws {
    var watchdog = try watchdog()
    _ = watchdog.tick(at: Tick(0))
    #expect(watchdog.answer(from: 1) == .nothing)
    #expect(watchdog.answer(from: 1) == .nothing)
    #expect(watchdog.answer(from: 0) == .ping)
    #expect(watchdog.answer(from: 0) == .nothing)
  }

  @Test("an answer nobody asked for is no ping")
  func unasked() throws {
    var watchdog = try watchdog(loops: 1)
    #expect(watchdog.answer(from: 0) == .nothing)
  }

  @Test("a loop that does not answer is named, is not asked again, and may still answer")
  func late() throws {
    var watchdog = try watchdog()
    _ = watchdog.tick(at: Tick(0))
    _ = watchdog.answer(from: 0)
    #expect(watchdog.tick(at: Tick(2_500)) == .late(loops: [1]))
    #expect(watchdog.tick(at: Tick(5_000)) == .late(loops: [1]))
    #expect(watchdog.answer(from: 1) == .ping)
    #expect(watchdog.tick(at: Tick(7_500)) == .ask)
  }

  @Test("a loop is named before the manager's patience ends, however the ticks fall", arguments: 0..<50)
  func inTime(shift: Int) throws {
    var watchdog = try watchdog(loops: 1)
    // Looks at every eighth of the time-out, of which the first falls anywhere.
    var looks = (0...).lazy.map { Tick(shift * 25 + $0 * 1_250) }.makeIterator()
    var lastPing = Tick(0)
    while lastPing < Tick(20_000), let now = looks.next() {
      guard watchdog.tick(at: now) == .ask else { continue }
      #expect(watchdog.answer(from: 0) == .ping)
      lastPing = now
    }
    var named: Tick?
    while named == nil, let now = looks.next() {
      if case .late = watchdog.tick(at: now) { named = now }
    }
    #expect(try #require(named) < lastPing.advanced(by: .seconds(9)))
  }

  @Test("a late tick does not shift the next, and ticks missed in a long pause are not made up for")
  func latecomer() throws {
    var watchdog = try watchdog(loops: 0)
    #expect(watchdog.tick(at: Tick(100)) == .ping)
    #expect(watchdog.nextTick == Tick(5_000))
    #expect(watchdog.tick(at: Tick(60_000)) == .ping)
    #expect(watchdog.nextTick == Tick(65_000))
  }

  @Test("a round knows who is missing, and ignores a loop there is not")
  func round() {
    var round = WatchdogRound(loops: 3)
    round.answer(from: 1)
    round.answer(from: 3)
    round.answer(from: -1)
    #expect(round.missing == [0, 2])
    #expect(!round.isComplete)
    round.answer(from: 0)
    round.answer(from: 2)
    #expect(round.isComplete)
    #expect(WatchdogRound(loops: 0).isComplete)
  }
}
