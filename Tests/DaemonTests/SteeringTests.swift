import Logging
import Testing
import ZinxControl
import ZinxIO

@testable import ZinxDaemon

@Suite struct `When the connections of a drain end` {
  private static func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

  @Test func `is at once without a time, and that is all`() {
    var schedule = DrainSchedule(5, spread: .zero, deadline: nil, at: Self.at(0))
    #expect(schedule.next(at: Self.at(0), left: 5) == .closeRest)
    #expect(schedule.next(at: Self.at(0), left: 5) == .end)
  }

  @Test func `is spread evenly over a time, and who came meanwhile ends with the last`() {
    var schedule = DrainSchedule(10, spread: .seconds(1), deadline: nil, at: Self.at(0))
    var told = 0
    for time in stride(from: Int64(0), to: 1000, by: 100) {
      if case .close(let count) = schedule.next(at: Self.at(time), left: 10 - told) { told += count }
      #expect(told == Int(time) / 100)
      #expect(schedule.next(at: Self.at(time), left: 10 - told) == .wait(DrainSchedule.pace))
    }
    #expect(schedule.next(at: Self.at(1000), left: 1) == .closeRest)
    #expect(schedule.next(at: Self.at(1000), left: 1) == .end)
  }

  @Test func `is the deadline for those who are left, once`() {
    var schedule = DrainSchedule(3, spread: .zero, deadline: .seconds(1), at: Self.at(0))
    #expect(schedule.next(at: Self.at(0), left: 3) == .closeRest)
    #expect(schedule.next(at: Self.at(100), left: 1) == .wait(DrainSchedule.pace))
    #expect(schedule.next(at: Self.at(1000), left: 1) == .cut)
    #expect(schedule.next(at: Self.at(1000), left: 1) == .end)
  }

  @Test func `is over when nobody is left, and at a deadline within the time too`() {
    var schedule = DrainSchedule(3, spread: .zero, deadline: .seconds(9), at: Self.at(0))
    _ = schedule.next(at: Self.at(0), left: 3)
    #expect(schedule.next(at: Self.at(1), left: 0) == .end)
    var short = DrainSchedule(3, spread: .seconds(10), deadline: .seconds(1), at: Self.at(0))
    #expect(short.next(at: Self.at(0), left: 3) == .wait(DrainSchedule.pace))
    #expect(short.next(at: Self.at(1000), left: 3) == .cut)
  }
}

@Suite struct `The first in an order` {
  @Test(arguments: [0, 1, 3, 10, 50, 99, 100, 200])
  func `are those that a sorted list begins with, also among equals`(count: Int) {
    // Each key is there ten times.
    let elements = (0..<100).map { (key: $0 * 37 % 10, index: $0) }
    let sorted = elements.sorted { ($0.key, $0.index) < ($1.key, $1.index) }
    #expect(elements.first(count) { $0.key < $1.key }.map(\.index) == sorted.prefix(count).map(\.index))
  }
}

@Suite struct `Of whom a log has more` {
  @Test func `are a connection and the peers of a network, from the most talkative level that is said of them`() throws {
    var focus = LogFocus()
    #expect(focus.level(connection: 7, peer: { "127.0.0.1:1" }) == nil)
    let network = try #require(IPNetwork("10.0.0.0/8"))
    for rule in [LogFocus.Rule(subject: .connection(7), level: .info), .init(subject: .peers(network), level: .debug)] {
      let isTaken = focus.set(rule)
      #expect(isTaken)
    }
    #expect(focus.level(connection: 7, peer: { "127.0.0.1:1" }) == .info)
    #expect(focus.level(connection: 7, peer: { "10.1.2.3:1" }) == .debug)
    #expect(focus.level(connection: nil, peer: { "[::ffff:10.1.2.3]:1" }) == .debug)
    #expect(focus.level(connection: 8, peer: { "unix:pid:1,uid:0" }) == nil)
    _ = focus.set(.init(subject: .connection(7), level: .error))
    #expect(focus.rules.count == 2)
  }

  @Test func `are sixteen at most`() {
    var focus = LogFocus()
    for id in 0..<UInt64(LogFocus.mostRules) { _ = focus.set(.init(subject: .connection(id), level: .info)) }
    let isTaken = focus.set(.init(subject: .connection(99), level: .info))
    #expect(!isTaken && focus.rules.count == LogFocus.mostRules)
    let isChanged = focus.set(.init(subject: .connection(3), level: .trace))
    #expect(isChanged)
  }
}
