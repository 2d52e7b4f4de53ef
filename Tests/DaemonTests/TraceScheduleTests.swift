import Testing
import Zinx
import ZinxControl
import ZinxIO

@testable import ZinxDaemon

@Suite struct `When a trace looks, speaks and ends` {
  private static func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

  private static func schedule(_ time: Duration = .seconds(10), followsNew: Bool = false) -> TraceSchedule {
    TraceSchedule(for: time, followsNew: followsNew, at: at(0))
  }

  @Test func `it looks often, and no longer than it lasts`() {
    var schedule = Self.schedule(.milliseconds(70))
    #expect(schedule.next(at: Self.at(0), isFull: false, isAlone: false) == .wait(.milliseconds(50)))
    #expect(schedule.next(at: Self.at(50), isFull: false, isAlone: false) == .wait(.milliseconds(20)))
    #expect(schedule.next(at: Self.at(70), isFull: false, isAlone: false) == .end(.time))
  }

  @Test func `it ends with what was asked for, and with the last of its connections`() {
    var schedule = Self.schedule()
    #expect(schedule.next(at: Self.at(0), isFull: true, isAlone: true) == .end(.count))
    #expect(schedule.next(at: Self.at(0), isFull: false, isAlone: true) == .end(.ended))
  }

  @Test func `with a filter it ends when nobody is left and nobody comes any more`() {
    var schedule = Self.schedule(followsNew: true)
    #expect(schedule.next(at: Self.at(0), isFull: false, isAlone: false, isOver: true) == .wait(.milliseconds(50)))
    #expect(schedule.next(at: Self.at(0), isFull: false, isAlone: true, isOver: true) == .end(.ended))
  }

  @Test func `it speaks each second in which nothing was said`() {
    var schedule = Self.schedule()
    #expect(schedule.next(at: Self.at(1000), isFull: false, isAlone: false) == .speak)
    #expect(schedule.next(at: Self.at(1000), isFull: false, isAlone: false) == .wait(.milliseconds(50)))
    schedule.spoke(at: Self.at(1900))
    #expect(schedule.next(at: Self.at(2500), isFull: false, isAlone: false) == .wait(.milliseconds(50)))
    #expect(schedule.next(at: Self.at(2900), isFull: false, isAlone: false) == .speak)
  }

  @Test func `with a filter it looks for others each second, and waits for them while there are none`() {
    var schedule = Self.schedule(followsNew: true)
    #expect(schedule.next(at: Self.at(10), isFull: false, isAlone: true) == .wait(.milliseconds(50)))
    #expect(schedule.next(at: Self.at(1000), isFull: false, isAlone: true) == .follow)
    #expect(schedule.next(at: Self.at(1000), isFull: false, isAlone: true) == .speak)
    #expect(schedule.next(at: Self.at(1999), isFull: false, isAlone: true) == .wait(.milliseconds(50)))
    #expect(schedule.next(at: Self.at(2000), isFull: false, isAlone: true) == .follow)
  }
}

@Suite struct `The lines of a trace` {
  private static let lines = TraceLines(3, clock: TraceLines.Clock(monotonic: 1_000_000_000, unix: 1000))

  private static func message(_ length: Int) -> TracedMessage {
    TracedMessage(7, .received, at: 1_250_000_000, id: 9, length: length, data: [UInt8](repeating: 65, count: min(length, 4096)))
  }

  @Test func `tell each message with its time of day, and what was left out`() {
    let message = #"{"connection":7,"direction":"in","at":1000.25,"msgId":9,"length":2,"data":"4141"}"#
    #expect(
      Self.lines.lines([Self.message(2)], TraceGap(messages: 5))
        == [#"{"id":3,"result":{"messages":[\#(message)],"leftOut":5},"more":true}"#])
  }

  @Test func `are as long as lines may be at most, and what was left out is told once`() throws {
    let lines = Self.lines.lines([TracedMessage](repeating: Self.message(5000), count: 100), TraceGap(messages: 5))
    #expect(lines.count > 1 && lines.allSatisfy { $0.utf8.count <= ControlProtocol.longestLine })
    let results = try lines.map { try JSON(parsing: $0.utf8)["result"] }
    #expect(results.reduce(0) { $0 + ($1?["messages"]?.array?.count ?? 0) } == 100)
    #expect(results.compactMap { $0?["leftOut"]?.integer } == [Int64](repeating: 0, count: lines.count - 1) + [5])
  }

  @Test func `end with the reason and the sums`() {
    #expect(
      Self.lines.last(.time, (shown: 2, leftOut: 1))
        == #"{"id":3,"result":{"messages":[],"leftOut":0,"end":{"reason":"time","messages":2,"leftOut":1}}}"#)
  }
}
