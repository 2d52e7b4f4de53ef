import Testing
import ZinxTestKit

@testable import Systemd

@Suite("The status reporter, at random")
struct StatusReporterModelTests {
  /// A caller that does what it is told, now and then up to half a second late, and what it has sent.
  private struct Caller {
    var reporter = StatusReporter<ContinuousClock.Instant>()
    var now = ContinuousClock.now
    var wait: ContinuousClock.Instant?
    var sent: [(text: String, at: ContinuousClock.Instant)] = []
    var text = ""
    var changed = ContinuousClock.now

    mutating func follow(_ action: StatusReporter<ContinuousClock.Instant>.Action) {
      wait = nil
      switch action {
      case .send(let text): sent.append((text, now))
      case .wait(let until): wait = until
      case .nothing: break
      }
    }
  }

  @Test("shows the newest text within a second, none twice, never three within a second", arguments: 0..<20 as Range<UInt64>)
  func model(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var caller = Caller()
    for _ in 0..<500 {
      let step = Duration.milliseconds(Int.random(in: 0...400, using: &random))
      if let wait = caller.wait, wait <= caller.now.advanced(by: step) {
        let late = Duration.milliseconds(Int.random(in: 0...499, using: &random))
        caller.now = max(caller.now, wait).advanced(by: late)
        caller.follow(caller.reporter.due(at: caller.now))
        #expect(caller.sent.last?.text == caller.text)
        #expect(caller.changed.duration(to: caller.now) < .seconds(1))
      } else {
        caller.now = caller.now.advanced(by: step)
      }
      let text = "\(Int.random(in: 0...2, using: &random))"
      if text != caller.text, caller.sent.last?.text == caller.text || caller.sent.isEmpty { caller.changed = caller.now }
      caller.text = text
      caller.follow(caller.reporter.changed(to: text, at: caller.now))
      #expect(caller.wait != nil || caller.sent.last?.text == text)
    }
    for (one, next) in zip(caller.sent, caller.sent.dropFirst()) { #expect(one.text != next.text) }
    for (one, third) in zip(caller.sent, caller.sent.dropFirst(2)) { #expect(one.at.duration(to: third.at) >= .seconds(1)) }
  }
}
