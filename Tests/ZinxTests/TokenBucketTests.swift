import Testing
import ZinxIO
import ZinxTestKit

@testable import Zinx

private func at(_ milliseconds: Double) -> Instant { Instant(nanoseconds: 5_000_000_000 + Int64(milliseconds * 1e6)) }

@Suite("A token bucket")
struct TokenBucketTests {
  @Test("has a burst at first, and then so many a second")
  func burst() {
    var bucket = TokenBucket(perSecond: 10, burst: 3)
    #expect((0..<4).map { _ in bucket.take(at: at(0)) } == [true, true, true, false])
    let taken = (0...40).filter { bucket.take(at: at(Double($0) * 25)) }
    #expect(taken == [4, 8, 12, 16, 20, 24, 28, 32, 36, 40])
  }

  @Test("saves no more than a burst")
  func saves() {
    var bucket = TokenBucket(perSecond: 1000, burst: 2)
    _ = bucket.take(at: at(0))
    #expect((0..<4).map { _ in bucket.take(at: at(1e9)) } == [true, true, false, false])
  }

  @Test("says when there will be a token, to the nanosecond")
  func next() {
    var bucket = TokenBucket(perSecond: 3, burst: 1)
    #expect(bucket.next(at: at(0)) == at(0))
    _ = bucket.take(at: at(0))
    let next = bucket.next(at: at(0))
    #expect(next == at(0).advanced(byNanoseconds: 333_333_334))
    #expect(bucket.take(at: next.advanced(byNanoseconds: -1)) == false)
    #expect(bucket.take(at: next) == true)
  }

  @Test("loses nothing to rounding, however often it is asked", arguments: [1, 3, 7, 999, 65_537])
  func exact(rate: Int) {
    var bucket = TokenBucket(perSecond: rate, burst: 2)
    var generator = SplitMix64(seed: UInt64(rate))
    var now = at(0)
    for _ in 0..<2 { _ = bucket.take(at: now) }
    var taken = 0
    let end = at(1000)
    while now < end {
      // Asked in between as well, which must not change what is earned.
      _ = bucket.next(at: now.advanced(byNanoseconds: Int64.random(in: 0...50, using: &generator)))
      now = min(end, bucket.next(at: now))
      if bucket.take(at: now) { taken += 1 }
    }
    #expect(taken == rate)
  }

  @Test("earns nothing when time stands still or runs back")
  func backwards() {
    var bucket = TokenBucket(perSecond: 1000, burst: 1)
    _ = bucket.take(at: at(10))
    #expect(bucket.take(at: at(10)) == false)
    #expect(bucket.take(at: at(0)) == false)
    #expect(bucket.take(at: at(10.5)) == false)
    #expect(bucket.take(at: at(11)) == true)
  }

  @Test("takes any rate, burst and instant without overflow")
  func extremes() {
    for (rate, burst) in [(Int.max, Int.max), (0, 0), (-5, -5), (1_000_000, 1_000_000), (1, 1_000_000)] {
      var bucket = TokenBucket(perSecond: rate, burst: burst)
      #expect(bucket.take(at: Instant(nanoseconds: 0)) == true)
      _ = bucket.take(at: .distantFuture)
      _ = bucket.next(at: .distantFuture)
      #expect(bucket.next(at: Instant(nanoseconds: .min)) >= Instant(nanoseconds: .min))
    }
  }

  @Test("at random never gives more than a burst and what was earned, and gives it all to who always asks", arguments: 0..<10)
  func model(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let (rate, burst) = (Int.random(in: 1...5000, using: &generator), Int.random(in: 1...100, using: &generator))
    var bucket = TokenBucket(perSecond: rate, burst: burst)
    var (now, taken) = (Int64(0), 0)
    for _ in 0..<5000 {
      now += Int64.random(in: 0...3_000_000, using: &generator)
      if bucket.take(at: Instant(nanoseconds: now)) { taken += 1 }
      #expect(Int64(taken) <= Int64(burst) + now * Int64(rate) / 1_000_000_000)
    }
    while bucket.take(at: Instant(nanoseconds: now)) { taken += 1 }
    #expect(taken >= min(burst, 1))
    #expect(bucket.next(at: Instant(nanoseconds: now)) > Instant(nanoseconds: now))
  }
}
