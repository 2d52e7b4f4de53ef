import Testing
import ZinxTestKit

@testable import Zinx

/// Whatever happens in whatever order, a connection keeps its promises.
@Suite("The life of a connection, at random", .timeLimit(.minutes(1)))
struct ConnectionLifeRandomTests {
  /// What was seen of one life.
  private struct Record {
    var starts = 0
    var stops = 0
    var closes = 0
    var runs = false
    var told: CloseReason?
    var closed: CloseReason?
    var dropped = false
    var isShut = false
  }

  private struct Round {
    var life = ConnectionLifeTests.begun
    var seen = Record()
    var generator: SplitMix64

    mutating func happen() {
      let reasons = CloseReason.allCases
      let reason = reasons[Int.random(in: 0..<reasons.count, using: &generator)]
      switch Int.random(in: 0..<40, using: &generator) {
      case 0: life.end(reason)
      case 1:
        life.end(reason, handlingRest: false)
        seen.dropped = true
      case 2: life.broke()
      case 3:
        life.cut(reason)
        seen.dropped = true
      case 4: life.peerClosed(insideFrame: Bool.random(using: &generator))
      case 5: life.lingerExpired()
      case 6..<20 where seen.runs:
        life.userCodeEnded()
        seen.runs = false
      default: break
      }
    }

    mutating func decide() {
      let requests = [ConnectionLife.Requests.none, .ready, .held].randomElement(using: &generator) ?? .none
      let action = life.next(requests, isFlushed: Bool.random(using: &generator))
      if seen.closes > 0 { #expect(action == .wait, "nothing happens after the close") }
      switch action {
      case .wait: break
      case .flush: #expect(!seen.runs)
      case .runStartHook:
        begin()
        seen.starts += 1
        #expect(seen.starts == 1)
      case .runRequests:
        begin()
        #expect(seen.starts == 1 && seen.stops == 0 && !seen.dropped)
        #expect(requests == .ready)
      case .runStopHook(let reason):
        begin()
        seen.stops += 1
        seen.told = reason
        #expect(seen.stops == 1 && seen.starts == 1)
      case .shutdownWrite:
        #expect(!seen.runs && !seen.isShut && seen.stops == 1)
        seen.isShut = true
      case .close(let reason):
        #expect(!seen.runs, "closed under running user code")
        seen.closes += 1
        seen.closed = reason
      }
    }

    private mutating func begin() {
      #expect(!seen.runs, "two pieces of user code at once")
      #expect(!seen.isShut)
      seen.runs = true
    }
  }

  @Test("one close, one stop hook if it started, one piece of user code at a time, nothing after", arguments: 0..<50)
  func invariants(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    for _ in 0..<100 {
      var round = Round(generator: SplitMix64(seed: generator.next()))
      for _ in 0..<60 {
        round.happen()
        round.decide()
      }
      finish(&round)
      #expect(round.seen.closes == 1)
      #expect(round.seen.stops == round.seen.starts)
      if round.seen.stops == 1 { #expect(round.seen.told == round.seen.closed) }
    }
  }

  /// Lets everything end that is still under way.
  private func finish(_ round: inout Round) {
    round.life.cut(.drainTimeout)
    round.seen.dropped = true
    for _ in 0..<10 {
      if round.seen.runs { round.life.userCodeEnded() }
      round.seen.runs = false
      round.decide()
    }
  }
}
