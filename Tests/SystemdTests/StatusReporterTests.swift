import Systemd
import Testing

/// A point in time that only the test moves: milliseconds.
struct Tick: InstantProtocol {
  var milliseconds: Int

  init(_ milliseconds: Int) { self.milliseconds = milliseconds }

  func advanced(by duration: Duration) -> Tick { Tick(milliseconds + Int(duration / .milliseconds(1))) }
  func duration(to other: Tick) -> Duration { .milliseconds(other.milliseconds - milliseconds) }
  static func < (left: Tick, right: Tick) -> Bool { left.milliseconds < right.milliseconds }
}

@Suite struct StatusReporterTests {
  var reporter = StatusReporter<Tick>()

  @Test("the first status is sent at once")
  mutating func first() {
    #expect(reporter.changed(to: "a", at: Tick(0)) == .send("a"))
  }

  @Test("before there is a status nothing is due")
  mutating func nothing() {
    #expect(reporter.due(at: Tick(0)) == .nothing)
  }

  @Test("the same text is not sent again")
  mutating func same() {
    _ = reporter.changed(to: "a", at: Tick(0))
    #expect(reporter.changed(to: "a", at: Tick(10_000)) == .nothing)
    #expect(reporter.due(at: Tick(10_001)) == .nothing)
  }

  @Test("a change soon after a send waits half a second, and then the newest text goes out")
  mutating func waits() {
    _ = reporter.changed(to: "a", at: Tick(0))
    #expect(reporter.changed(to: "b", at: Tick(1)) == .wait(until: Tick(500)))
    #expect(reporter.changed(to: "c", at: Tick(400)) == .wait(until: Tick(500)))
    #expect(reporter.due(at: Tick(499)) == .wait(until: Tick(500)))
    #expect(reporter.due(at: Tick(500)) == .send("c"))
    #expect(reporter.due(at: Tick(501)) == .nothing)
  }

  @Test("a change that is taken back before its time is not sent")
  mutating func takenBack() {
    _ = reporter.changed(to: "a", at: Tick(0))
    _ = reporter.changed(to: "b", at: Tick(100))
    #expect(reporter.changed(to: "a", at: Tick(200)) == .nothing)
    #expect(reporter.due(at: Tick(500)) == .nothing)
  }

  @Test("a change after a quiet time is sent at once")
  mutating func quiet() {
    _ = reporter.changed(to: "a", at: Tick(0))
    #expect(reporter.changed(to: "b", at: Tick(500)) == .send("b"))
  }

  @Test("a text sent by another way counts as shown, and for the rate")
  mutating func elsewhere() {
    reporter.sentElsewhere("a", at: Tick(0))
    #expect(reporter.changed(to: "a", at: Tick(10)) == .nothing)
    #expect(reporter.changed(to: "b", at: Tick(20)) == .wait(until: Tick(500)))
  }

  @Test("a text that did not arrive is due again after the usual gap, even unchanged")
  mutating func notDelivered() {
    _ = reporter.changed(to: "a", at: Tick(0))
    #expect(reporter.notDelivered(at: Tick(0)) == .wait(until: Tick(500)))
    #expect(reporter.due(at: Tick(500)) == .send("a"))
  }

  @Test(
    "however often it changes: at most two a second, and the newest within one second",
    arguments: [1, 7, 130, 333, 499, 500, 501])
  mutating func rate(step: Int) {
    var sends: [Int] = []
    var stale: Int?
    for now in 0...10_000 {
      let action = now % step == 0 ? reporter.changed(to: "\(now)", at: Tick(now)) : reporter.due(at: Tick(now))
      switch action {
      case .send:
        sends.append(now)
        stale = nil
      case .wait: stale = stale ?? now
      case .nothing: break
      }
      if let stale { #expect(now - stale < 1_000) }
    }
    for second in 0..<9_000 { #expect(sends.count { (second..<second + 1_000).contains($0) } <= 2) }
  }
}
