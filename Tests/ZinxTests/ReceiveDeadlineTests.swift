import Testing
import ZinxIO

@testable import Zinx

/// Seconds of a test's time.
private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

private func limits(firstByte: Int64 = 0, idle: Int64 = 0, frame: Int64 = 0, rate: Int64 = 0) -> ReceiveDeadline.Limits {
  ReceiveDeadline.Limits(
    firstByte: firstByte * 1_000_000_000, idle: idle * 1_000_000_000, frame: frame * 1_000_000_000, frameRate: rate)
}

private func due(_ seconds: Double, _ reason: CloseReason) -> ReceiveDeadline.Due {
  ReceiveDeadline.Due(deadline: at(seconds), reason: reason)
}

@Suite("The deadline for what a peer sends")
struct ReceiveDeadlineTests {
  @Test("without limits there is none, whatever happens")
  func none() {
    var receiving = ReceiveDeadline(at: at(0))
    #expect(receiving.next(limits()).deadline == .distantFuture)
    receiving.received(at: at(1))
    receiving.hold(3, isAwaited: true, at: at(1))
    #expect(receiving.next(limits()).deadline == .distantFuture)
  }

  @Test("the first byte is due once, counted from the beginning of the connection")
  func firstByte() {
    var receiving = ReceiveDeadline(at: at(10))
    #expect(receiving.next(limits(firstByte: 5)) == due(15, .noFirstByte))
    receiving.received(at: at(14))
    #expect(receiving.next(limits(firstByte: 5)).deadline == .distantFuture)
  }

  @Test("idle time is counted from the last byte")
  func idle() {
    var receiving = ReceiveDeadline(at: at(0))
    #expect(receiving.next(limits(idle: 5)) == due(5, .idle))
    receiving.received(at: at(4))
    #expect(receiving.next(limits(idle: 5)) == due(9, .idle))
    receiving.keptWaiting(at: at(8))
    #expect(receiving.next(limits(idle: 5)) == due(13, .idle))
  }

  @Test("bytes that came later than the event loop looked at the clock count from then, once for each time that some were read")
  func came() {
    var receiving = ReceiveDeadline(at: at(0))
    receiving.received(at: at(4))
    receiving.hold(3, isAwaited: true, at: at(4))
    receiving.lastCame(at: at(6))
    #expect(receiving.next(limits(idle: 5)) == due(11, .idle))
    #expect(receiving.next(limits(frame: 2)) == due(8, .headerTimeout))
    // What has come since was no part of the stream.
    receiving.lastCame(at: at(7))
    #expect(receiving.next(limits(idle: 5)) == due(11, .idle))
    receiving.received(at: at(8))
    receiving.lastCame(at: at(5))
    #expect(receiving.next(limits(idle: 5)) == due(13, .idle))
    receiving.lastCame(at: at(9))
    #expect(receiving.next(limits(idle: 5)) == due(14, .idle))
    // The frame began before those bytes.
    #expect(receiving.next(limits(frame: 2)) == due(8, .headerTimeout))
  }

  @Test("who has sent no byte of the stream is not forgiven for others")
  func neverCame() {
    var receiving = ReceiveDeadline(at: at(0))
    receiving.lastCame(at: at(3))
    #expect(receiving.next(limits(firstByte: 5)) == due(5, .noFirstByte))
  }

  @Test(
    "of two deadlines the earlier one counts, with its reason",
    arguments: [(3, 5, 3.0, CloseReason.noFirstByte), (5, 3, 3.0, .idle)])
  func earlier(firstByte: Int64, idle: Int64, deadline: Double, reason: CloseReason) {
    let receiving = ReceiveDeadline(at: at(0))
    #expect(receiving.next(limits(firstByte: firstByte, idle: idle)) == due(deadline, reason))
  }

  @Test("a frame is due counted from its first byte, however many bytes of the header follow", arguments: 1...7)
  func header(bytes: Int) {
    var receiving = ReceiveDeadline(at: at(0))
    receiving.received(at: at(100))
    receiving.hold(1, isAwaited: true, at: at(100))
    receiving.received(at: at(120))
    receiving.hold(bytes, isAwaited: true, at: at(120))
    #expect(receiving.next(limits(frame: 30, rate: 256)) == due(130, .headerTimeout))
  }

  @Test("a body earns time with its bytes", arguments: [(8, 30.0), (9, 31), (108, 130), (1_000_008, 1_000_030)])
  func body(bytes: Int, deadline: Double) {
    var receiving = ReceiveDeadline(at: at(0))
    receiving.hold(bytes, isAwaited: true, at: at(0))
    #expect(receiving.next(limits(frame: 30, rate: 1)) == due(deadline, .bodyTimeout))
  }

  @Test("without a rate a whole frame has the frame time")
  func noRate() {
    var receiving = ReceiveDeadline(at: at(0))
    receiving.hold(1_000_000, isAwaited: true, at: at(0))
    #expect(receiving.next(limits(frame: 30)) == due(30, .bodyTimeout))
  }

  @Test("a byte now and then is not enough: the deadline comes nearer by the time that the byte does not earn")
  func dribble() {
    var receiving = ReceiveDeadline(at: at(0))
    let limits = limits(frame: 30, rate: 256)
    var now = 0
    while true {
      receiving.hold(9 + now, isAwaited: true, at: at(Double(now)))
      let due = receiving.next(limits)
      #expect(due.reason == .bodyTimeout)
      if due.deadline <= at(Double(now)) { break }
      now += 1
    }
    // 30 s, and a second for each 256 of the bytes, which come one a second.
    #expect(now == 31)
  }

  @Test("a peer at exactly the least rate is never late, one a byte in a thousand slower is in the end")
  func leastRate() {
    let limits = limits(frame: 1, rate: 1000)
    for (rate, isLate) in [(1000, false), (999, true)] {
      var receiving = ReceiveDeadline(at: at(0))
      let late = (0...2000).contains { second in
        receiving.hold(8 + second * rate, isAwaited: true, at: at(Double(second)))
        return receiving.next(limits).deadline < at(Double(second))
      }
      #expect(late == isLate)
    }
  }

  @Test("time in which the peer is not waited for does not count")
  func rest() {
    var receiving = ReceiveDeadline(at: at(0))
    receiving.hold(4, isAwaited: true, at: at(0))
    receiving.hold(4, isAwaited: false, at: at(20))
    #expect(receiving.next(limits(frame: 30)).deadline == .distantFuture)
    receiving.hold(4, isAwaited: false, at: at(500))
    receiving.hold(4, isAwaited: true, at: at(1000))
    #expect(receiving.next(limits(frame: 30)) == due(1010, .headerTimeout))
  }

  @Test("a frame that begins while the peer is not waited for has its whole time")
  func beginsAtRest() {
    var receiving = ReceiveDeadline(at: at(0))
    receiving.hold(4, isAwaited: false, at: at(0))
    #expect(receiving.next(limits(frame: 30)).deadline == .distantFuture)
    receiving.hold(4, isAwaited: true, at: at(50))
    #expect(receiving.next(limits(frame: 30)) == due(80, .headerTimeout))
  }

  @Test("the next frame has a time of its own, and between frames there is none")
  func nextFrame() {
    var receiving = ReceiveDeadline(at: at(0))
    receiving.hold(4, isAwaited: true, at: at(0))
    #expect(receiving.isInsideFrame)
    receiving.frameEnded()
    #expect(!receiving.isInsideFrame)
    #expect(receiving.next(limits(frame: 30)).deadline == .distantFuture)
    receiving.hold(2, isAwaited: true, at: at(20))
    #expect(receiving.next(limits(frame: 30)) == due(50, .headerTimeout))
    receiving.hold(0, isAwaited: true, at: at(21))
    #expect(!receiving.isInsideFrame)
  }

  @Test("inside a frame the idle time runs too")
  func idleInFrame() {
    var receiving = ReceiveDeadline(at: at(0))
    receiving.received(at: at(0))
    receiving.hold(4, isAwaited: true, at: at(0))
    #expect(receiving.next(limits(idle: 5, frame: 30)) == due(5, .idle))
    #expect(receiving.next(limits(idle: 50, frame: 30)) == due(30, .headerTimeout))
  }

  @Test("the extremes overflow nothing")
  func extremes() {
    var receiving = ReceiveDeadline(at: at(0))
    receiving.hold(.max, isAwaited: true, at: Instant(nanoseconds: .max - 1))
    let limits = ReceiveDeadline.Limits(firstByte: .max, idle: .max, frame: .max, frameRate: 1)
    #expect(receiving.next(limits).deadline == Instant(nanoseconds: .max))
    receiving.hold(.max, isAwaited: false, at: Instant(nanoseconds: .min))
    receiving.hold(.max, isAwaited: true, at: Instant(nanoseconds: .max))
    _ = receiving.next(limits)
  }

  @Test("who was kept waiting beyond its time has all of it when that ends, and nobody else has more")
  func owed() {
    var receiving = ReceiveDeadline(at: at(0))
    receiving.waitEnded(at: at(4))
    #expect(receiving.next(limits(idle: 5)) == due(5, .idle))
    receiving.keptWaiting(at: at(5))
    receiving.keptWaiting(at: at(10))
    receiving.waitEnded(at: at(14.9))
    #expect(receiving.next(limits(idle: 5)) == due(19.9, .idle))
    receiving.waitEnded(at: at(17))
    #expect(receiving.next(limits(idle: 5)) == due(19.9, .idle))
    receiving.keptWaiting(at: at(19.9))
    // What comes meanwhile is a sign of life like any other.
    receiving.received(at: at(21))
    receiving.waitEnded(at: at(23))
    #expect(receiving.next(limits(idle: 5)) == due(26, .idle))
  }

  @Test("it is small: every connection has one")
  func size() {
    #expect(MemoryLayout<ReceiveDeadline>.size <= 24)
  }
}
