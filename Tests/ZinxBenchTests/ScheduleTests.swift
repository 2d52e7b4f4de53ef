import Testing

@testable import zinx_bench

@Suite("The schedule of an open loop")
struct ScheduleTests {
  /// All that is due before `end`, taken by a caller who is always in time.
  private func all(_ schedule: Schedule, before end: Int64) -> [Int64] {
    var schedule = schedule
    var times: [Int64] = []
    while let time = schedule.take(by: .max, before: end) { times.append(time) }
    return times
  }

  @Test("spaces the requests evenly from the start on")
  func spacing() {
    let schedule = Schedule(start: 1000, rate: 1e6, thread: 0, of: 1)
    #expect(all(schedule, before: 5000) == [1000, 2000, 3000, 4000])
  }

  @Test("dealt to several threads is the schedule of one", arguments: [1, 2, 3, 7])
  func threads(_ count: Int) {
    let one = all(Schedule(start: 0, rate: 1e5, thread: 0, of: 1), before: 1_000_000)
    let dealt = (0..<count).flatMap { all(Schedule(start: 0, rate: 1e5, thread: $0, of: count), before: 1_000_000) }
    #expect(dealt.sorted() == one)
    #expect(one.count == 100)
  }

  @Test("adds up no rounding error, however long it goes on")
  func rounding() {
    // Three a second: the gap is no whole number of nanoseconds.
    let times = all(Schedule(start: 0, rate: 3, thread: 0, of: 1), before: 3_600_000_000_000)
    #expect(times.count == 10_800)
    #expect(times.last == 3_599_666_666_666)
  }

  @Test("hands nothing out before it is due")
  func early() {
    var schedule = Schedule(start: 1000, rate: 1e6, thread: 0, of: 1)
    #expect(schedule.take(by: 999, before: .max) == nil)
    #expect(schedule.take(by: 1000, before: .max) == 1000)
    #expect(schedule.take(by: 1999, before: .max) == nil)
    #expect(schedule.due == 2000)
  }

  @Test("keeps the times of requests that were held up: each still counts from when it was due")
  func correction() {
    var schedule = Schedule(start: 0, rate: 1e6, thread: 0, of: 1)
    #expect(schedule.take(by: 0, before: .max) == 0)
    // The server stalls for five gaps.
    let held = (0..<5).map { _ in schedule.take(by: 5000, before: .max) }
    #expect(held == [1000, 2000, 3000, 4000, 5000])
    #expect(schedule.take(by: 5000, before: .max) == nil)
  }

  @Test("ends after its share of the requests")
  func limit() {
    let schedule = Schedule(start: 0, rate: 1e6, thread: 0, of: 1, limit: 3)
    #expect(all(schedule, before: .max) == [0, 1000, 2000])
  }

  @Test("counts what was due before the end and never taken")
  func missed() {
    var schedule = Schedule(start: 0, rate: 1e6, thread: 1, of: 2)
    // Due: 1000, 3000, 5000, 7000, 9000.
    #expect(schedule.missed(before: 10_000) == 5)
    #expect(schedule.missed(before: 9001) == 5)
    #expect(schedule.missed(before: 9000) == 4)
    #expect(schedule.missed(before: 0) == 0)
    #expect(schedule.missed(before: -5) == 0)
    _ = schedule.take(by: 3000, before: 10_000)
    _ = schedule.take(by: 3000, before: 10_000)
    #expect(schedule.missed(before: 10_000) == 3)
    #expect(schedule.missed(before: 2000) == 0)
  }

  @Test("that is limited misses no more than its limit")
  func missedWithLimit() {
    let schedule = Schedule(start: 0, rate: 1e6, thread: 0, of: 1, limit: 2)
    #expect(schedule.missed(before: 1_000_000) == 2)
  }
}
