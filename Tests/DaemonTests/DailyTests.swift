import Testing
import ZinxIO

@testable import ZinxDaemon

@Suite("A day")
struct DailyTests {
  @Test("is over once, a day after it began, and the next one begins then")
  func once() {
    let hour: Int64 = 3_600_000_000_000
    let begin = Instant(nanoseconds: 5)
    var day = Daily(at: begin)
    let hours = [24 * hour - 1, 25 * hour, 48 * hour, 49 * hour]
    let answers = hours.map { day.isOver(at: begin.advanced(byNanoseconds: $0)) }
    #expect(answers == [false, true, false, true])
  }
}
