import Testing
import ZinxIO
import ZinxTestKit

@testable import Zinx

private func at(milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

@Suite("A token bucket")
struct RateBucketTests {
  @Test("holds the tokens of one second, and is full at first", arguments: [1, 7, 1000, 1_000_000_000])
  func burst(rate: Int64) {
    var bucket = RateBucket(rate: rate, at: at(milliseconds: 0))
    #expect(bucket.tokens(at: at(milliseconds: 0)) == Int(rate))
    #expect(bucket.tokens(at: at(milliseconds: 100_000)) == Int(rate))
    bucket.take(Int(rate))
    #expect(bucket.tokens(at: at(milliseconds: 100_000)) == 0)
    #expect(bucket.tokens(at: at(milliseconds: 101_000)) == Int(rate))
    #expect(bucket.tokens(at: at(milliseconds: 900_000)) == Int(rate))
  }

  @Test("fills evenly and loses nothing to rounding")
  func even() {
    var bucket = RateBucket(rate: 3, at: Instant(nanoseconds: 0))
    bucket.take(3)
    // A third of a second is no whole number of nanoseconds.
    #expect(bucket.tokens(at: Instant(nanoseconds: 333_333_333)) == 0)
    #expect(bucket.tokens(at: Instant(nanoseconds: 333_333_334)) == 1)
    #expect(bucket.tokens(at: Instant(nanoseconds: 666_666_666)) == 1)
    #expect(bucket.tokens(at: Instant(nanoseconds: 666_666_667)) == 2)
    #expect(bucket.tokens(at: Instant(nanoseconds: 999_999_999)) == 2)
    #expect(bucket.tokens(at: Instant(nanoseconds: 1_000_000_000)) == 3)
  }

  @Test(
    "says when it is worth going on: a twentieth of a second's tokens, or one",
    arguments: [(1, 1000), (10, 100), (20, 50), (1000, 50)])
  func serving(rate: Int64, milliseconds: Int64) {
    var bucket = RateBucket(rate: rate, at: at(milliseconds: 0))
    bucket.take(Int(rate))
    let next = bucket.nextServing
    #expect(next == at(milliseconds: milliseconds))
    #expect(bucket.tokens(at: next) == max(1, Int(rate / 20)))
    #expect(bucket.nextServing <= next)
  }

  @Test("time that goes back or stands still gives nothing")
  func backwards() {
    var bucket = RateBucket(rate: 10, at: at(milliseconds: 1000))
    bucket.take(10)
    #expect(bucket.tokens(at: at(milliseconds: 0)) == 0)
    #expect(bucket.tokens(at: Instant(nanoseconds: .min)) == 0)
    #expect(bucket.tokens(at: at(milliseconds: 1100)) == 1)
  }

  @Test("a rate out of range is taken for the nearest in it", arguments: [(Int64(0), Int64(1)), (-5, 1), (.max, 1_000_000_000)])
  func range(rate: Int64, expected: Int64) {
    #expect(RateBucket(rate: rate, at: at(milliseconds: 0)).rate == expected)
  }

  /// Takes whatever is there at random moments.
  @Test(
    "n tokens take at least (n − burst) / rate, and hardly longer for one who takes all that comes",
    arguments: [1, 3, 997, 1_000_000, 1_000_000_000], 1...5)
  func rateHolds(rate: Int64, seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var bucket = RateBucket(rate: rate, at: Instant(nanoseconds: 0))
    var now = Instant(nanoseconds: 0)
    // What a full bucket earns is lost.
    var taken = rate
    bucket.take(Int(rate))
    for _ in 0..<10_000 {
      now = now.advanced(byNanoseconds: Int64.random(in: 0...600_000_000, using: &random))
      let tokens = bucket.tokens(at: now)
      bucket.take(tokens)
      taken += Int64(tokens)
      // taken ≤ burst + rate × time, in billionths.
      let (earned, overflow) = rate.multipliedReportingOverflow(by: now.nanoseconds)
      guard !overflow, earned < .max / 2 else { return }
      #expect((taken - rate) * 1_000_000_000 <= earned)
      // Less than one token behind, as long as the bucket never overflows.
      if rate >= 3 { #expect((taken - rate + 1) * 1_000_000_000 > earned) }
    }
  }
}

@Suite("The pace of a connection")
struct PaceTests {
  @Test(
    "without a rate of its kind everything passes",
    arguments: [Pace.Rates(messages: 5, bytes: 0), Pace.Rates(messages: 0, bytes: 5)])
  func oneKind(rates: Pace.Rates) {
    let pace = Pace(rates, at: at(milliseconds: 0))
    if rates.messages == 0 { #expect(pace.takeMessages(1_000_000, at: at(milliseconds: 0)) == 1_000_000) }
    if rates.bytes == 0 { #expect(pace.bytesAllowed(at: at(milliseconds: 0)) == .max) }
    #expect(!pace.isResting)
    #expect(pace.restUntil == .distantFuture)
  }

  @Test("messages pass up to the burst, then rest until there are tokens")
  func messages() {
    let pace = Pace(Pace.Rates(messages: 10), at: at(milliseconds: 0))
    #expect(pace.takeMessages(4, at: at(milliseconds: 0)) == 4)
    #expect(pace.takeMessages(9, at: at(milliseconds: 0)) == 6)
    #expect(!pace.isResting)
    #expect(pace.takeMessages(3, at: at(milliseconds: 0)) == 0)
    #expect(pace.isResting)
    #expect(pace.restUntil == at(milliseconds: 100))
    #expect(!pace.wake(at: at(milliseconds: 99)))
    #expect(pace.isResting)
    #expect(pace.wake(at: at(milliseconds: 100)))
    #expect(!pace.isResting)
    #expect(pace.takeMessages(3, at: at(milliseconds: 100)) == 1)
  }

  @Test("bytes are read up to the burst, then rest until a twentieth of a second's are there")
  func bytes() {
    let pace = Pace(Pace.Rates(bytes: 1000), at: at(milliseconds: 0))
    #expect(pace.bytesAllowed(at: at(milliseconds: 0)) == 1000)
    pace.read(999)
    #expect(pace.bytesAllowed(at: at(milliseconds: 0)) == 1)
    pace.read(1)
    #expect(pace.bytesAllowed(at: at(milliseconds: 0)) == 0)
    #expect(pace.restUntil == at(milliseconds: 50))
    #expect(pace.wake(at: at(milliseconds: 60)))
    #expect(pace.bytesAllowed(at: at(milliseconds: 60)) == 60)
  }

  @Test("each rest ends on its own")
  func both() {
    let pace = Pace(Pace.Rates(messages: 1, bytes: 1000), at: at(milliseconds: 0))
    _ = pace.takeMessages(1, at: at(milliseconds: 0))
    _ = pace.takeMessages(1, at: at(milliseconds: 0))
    pace.read(1000)
    _ = pace.bytesAllowed(at: at(milliseconds: 0))
    #expect(pace.restUntil == at(milliseconds: 50))
    #expect(pace.wake(at: at(milliseconds: 50)))
    #expect(pace.isResting)
    #expect(pace.messagesRestUntil == at(milliseconds: 1000))
    #expect(pace.bytesRestUntil == nil)
    #expect(pace.wake(at: at(milliseconds: 1000)))
    #expect(!pace.isResting)
  }
}
