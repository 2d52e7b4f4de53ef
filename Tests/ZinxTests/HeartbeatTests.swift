import Testing
import ZinxIO
import ZinxPlugins

@testable import Zinx

/// Seconds of a test's time.
private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

private let never = Instant(nanoseconds: .min)

private func limits(interval: Int = 0, timeout: Int = 0, idle: Int64 = 0) -> ReceiveDeadline.Limits {
  var heartbeat = Heartbeat()
  (heartbeat.interval, heartbeat.timeout) = (.seconds(interval), .seconds(timeout))
  return ReceiveDeadline.Limits(idle: idle * 1_000_000_000, heartbeat: LiveHeartbeat(heartbeat).times)
}

@Suite("The life of a heartbeat")
struct HeartbeatLifeTests {
  @Test("a silent peer is sent one after each interval, counted from its last byte and from the last one sent")
  func beats() {
    var receiving = ReceiveDeadline(at: at(0))
    #expect(receiving.nextBeat(limits(interval: 5), after: never) == at(5))
    #expect(receiving.nextBeat(limits(interval: 5), after: at(5)) == at(10))
    receiving.received(at: at(6))
    #expect(receiving.nextBeat(limits(interval: 5), after: at(5)) == at(11))
    receiving.keptWaiting(at: at(13))
    #expect(receiving.nextBeat(limits(interval: 5), after: at(11)) == at(18))
  }

  @Test("without times none is sent and none is lost")
  func off() {
    let receiving = ReceiveDeadline(at: at(0))
    #expect(receiving.nextBeat(limits(), after: never) == .distantFuture)
    #expect(receiving.nextBeat(limits(timeout: 3), after: never) == .distantFuture)
    #expect(receiving.next(limits(interval: 3)).deadline == .distantFuture)
    #expect(HeartbeatTimes().interval == 0 && HeartbeatTimes().timeout == 0)
  }

  @Test("it is lost after the time-out since the last byte, whatever was sent, unless the peer is closed as idle before")
  func lost() {
    var receiving = ReceiveDeadline(at: at(0))
    receiving.received(at: at(2))
    #expect(receiving.next(limits(interval: 2, timeout: 6)) == .init(deadline: at(8), reason: .heartbeatLost))
    #expect(receiving.next(limits(timeout: 6, idle: 6)) == .init(deadline: at(8), reason: .idle))
    #expect(receiving.next(limits(timeout: 6, idle: 7)) == .init(deadline: at(8), reason: .heartbeatLost))
    #expect(receiving.next(limits(timeout: 6, idle: 5)) == .init(deadline: at(7), reason: .idle))
  }

  @Test(
    "a time-out that no live peer can keep is taken as the shortest that one can, and times below zero are none",
    arguments: [(5, 1, 7), (5, 6, 7), (5, 8, 8), (0, 1, 2), (-1, 1, 2), (.max, 1, .max), (5, -1, 0), (5, 0, 0)])
  func shortest(interval: Int, timeout: Int, taken: Int) {
    let times = limits(interval: interval, timeout: timeout).heartbeat
    #expect(times.interval == Duration.seconds(max(0, interval)).inNanoseconds)
    #expect(times.timeout == Duration.seconds(taken).inNanoseconds)
  }

  @Test("the loop wakes for many at once, late by less than a sixty-fourth of the interval and 50 milliseconds")
  func wakeUp() {
    let (short, long) = (limits(interval: 1).heartbeat, limits(interval: 1000).heartbeat)
    for nanoseconds in stride(from: Int64(7_000_000_001), to: 8_000_000_000, by: 999_983) {
      let deadline = Instant(nanoseconds: nanoseconds)
      for (times, step) in [(short, Int64(15_625_000)), (long, 50_000_000)] {
        let wakeUp = times.wakeUp(for: deadline)
        #expect((0..<step).contains(wakeUp.nanoseconds - nanoseconds))
        #expect(wakeUp.nanoseconds % step == 0)
      }
    }
    #expect(long.wakeUp(for: .distantFuture) == .distantFuture)
    #expect(HeartbeatTimes().wakeUp(for: at(3)) == at(3))
  }

  @Test("times that never end do not overflow")
  func forever() {
    let receiving = ReceiveDeadline(at: at(9e9))
    #expect(receiving.nextBeat(limits(interval: .max), after: never) == .distantFuture)
    #expect(receiving.next(limits(timeout: .max)).deadline == .distantFuture)
  }

  @Test("one is answered each second, however many come")
  func answers() {
    var answers = HeartbeatAnswers()
    let moments = [0, 0, 0.5, 0.999, 1, 1.5, 2.5, 2.6]
    let answered = moments.map { answers.mayAnswer(at: at($0), isEmpty: true) }
    #expect(answered == [true, false, false, false, true, false, true, false])
  }

  @Test func `one without data is not answered within a second of one that we sent, which it may answer`() {
    var answers = HeartbeatAnswers()
    answers.sent(at: at(10))
    // One that has data asks for itself, and so does one that comes later.
    let moments = [(10.9, true), (10.9, false), (11.5, true), (12, true)]
    let answered = moments.map { answers.mayAnswer(at: at($0.0), isEmpty: $0.1) }
    #expect(answered == [false, true, false, true])
  }
}

@Suite("The plugin heartbeat")
struct HeartbeatPluginTests {
  private func problems(_ settings: [ConfigurationMember]) -> [String] {
    let made = PluginRegistry(bundledPlugins).make("heartbeat", ConfigurationValue(.object(settings)))
    return made?.settings.problems.map(\.message) ?? ["no such plugin"]
  }

  private func seconds(_ interval: Double, _ timeout: Double) -> [ConfigurationMember] {
    [("Interval", interval), ("Timeout", timeout)].map { ConfigurationMember(key: $0, value: ConfigurationValue(.number($1))) }
  }

  @Test("is on by default, serves the id of Go Zinx, and has no times")
  func defaults() throws {
    let registry = PluginRegistry(bundledPlugins)
    #expect(registry.defaultNames == ["ping", "hello", "greeting", "heartbeat"])
    #expect(registry.defaultIDs("heartbeat") == [.id(99_999)])
    let made = try #require(registry.make("heartbeat", nil))
    #expect(made.settings.known.map(\.name) == ["MsgID", "Answer", "Interval", "Timeout"])
    #expect(made.settings.known.map(\.defaultText) == ["99999", "true", "0", "0"])
  }

  @Test("refuses a time-out in which nobody can answer")
  func refuses() {
    #expect(problems(seconds(10, 30)).isEmpty)
    #expect(problems(seconds(0, 30)).isEmpty)
    #expect(problems(seconds(10, 0)).isEmpty)
    #expect(problems(seconds(10, 10)).count == 1)
    #expect(problems(seconds(30, 10)).first?.hasPrefix("Plugins.heartbeat.Timeout is 10") == true)
  }

  @Test(
    "refuses a time-out that a live peer cannot keep, which answers once a second at most",
    arguments: [
      (0, 0.5, false), (0, 1, false), (0, 1.999, false), (0, 2, true), (0.2, 1, false), (0.2, 2.2, true), (1, 2, false),
      (1, 3, true),
      (10, 11, false), (10, 12, true),
    ])
  func tooShort(interval: Double, timeout: Double, isTaken: Bool) {
    let sentence = "must be 0, or 2 seconds longer than Interval at least: peers answer once a second at most"
    let problems = problems(seconds(interval, timeout))
    #expect(isTaken ? problems.isEmpty : problems.count == 1 && problems[0].contains(sentence))
  }

  @Test(
    "a peer that answers once a second is heard within the shortest time-out, at each interval and however long its answers take")
  func isHeard() {
    for interval in stride(from: 0.05, through: 3, by: 0.05) {
      for way in [0.0005, 0.02, 0.3] {
        var (peer, heard, longest) = (HeartbeatAnswers(), 0.0, 0.0)
        while heard < 60 {
          // Those that the server sends after the last byte, each at most 50 milliseconds late, until one is answered.
          var beat = heard + interval
          while !peer.mayAnswer(at: at(beat + way), isEmpty: true) { beat += interval + min(interval / 64, 0.05) }
          longest = max(longest, beat + 2 * way - heard)
          heard = beat + 2 * way
        }
        let grace = Double(Heartbeat.shortestGrace.components.seconds)
        #expect(longest < interval + grace, "\(interval) s, \(way) s")
      }
    }
  }
}
