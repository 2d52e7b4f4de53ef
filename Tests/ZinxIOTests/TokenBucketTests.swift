import Testing
import ZinxIO
import ZinxTestKit

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
    #expect(bucket.opening(at: at(0)) == at(0))
    _ = bucket.take(at: at(0))
    let next = bucket.opening(at: at(0))
    #expect(next == at(0).advanced(byNanoseconds: 333_333_334))
    #expect(bucket.take(at: next.advanced(byNanoseconds: -1)) == false)
    #expect(bucket.take(at: next) == true)
  }

  @Test("loses nothing to rounding, however often it is asked", arguments: [1, 3, 7, 999, 65_537])
  func exact(rate: Int64) {
    var bucket = TokenBucket(perSecond: rate, burst: 2)
    var generator = SplitMix64(seed: UInt64(rate))
    var now = at(0)
    for _ in 0..<2 { _ = bucket.take(at: now) }
    var taken: Int64 = 0
    let end = at(1000)
    while now < end {
      // Asked in between as well, which must not change what is earned.
      _ = bucket.opening(at: now.advanced(byNanoseconds: Int64.random(in: 0...50, using: &generator)))
      now = min(end, bucket.opening(at: now))
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

  @Test("gives several tokens at once, and says when there will be so many", arguments: [1, 7, 1000, 1_000_000_000])
  func several(rate: Int64) {
    var bucket = TokenBucket(perSecond: rate, burst: rate)
    #expect(bucket.tokens(at: at(0)) == Int(rate))
    bucket.take(Int(rate))
    #expect(bucket.tokens(at: at(0)) == 0)
    for count in [1, rate / 2 + 1, rate] {
      let opening = bucket.opening(for: count, at: at(0))
      var later = bucket
      #expect(later.tokens(at: opening.advanced(byNanoseconds: -1)) == Int(count) - 1)
      #expect(later.tokens(at: opening) >= Int(count))
    }
    // More than it can ever hold is waited for no longer than it takes to be full.
    #expect(bucket.opening(for: .max, at: at(0)) == at(1000))
    #expect(bucket.tokens(at: at(100_000)) == Int(rate))
  }

  @Test("a rate out of range is taken for the nearest in it", arguments: [(Int64(0), Int64(1)), (-5, 1), (.max, 1_000_000_000)])
  func range(rate: Int64, expected: Int64) { #expect(TokenBucket(perSecond: rate, burst: 1).perSecond == expected) }

  @Test("takes any rate, burst and instant without overflow")
  func extremes() {
    for (rate, burst) in [(Int64.max, Int64.max), (0, 0), (-5, -5), (1_000_000_000, 1_000_000_000), (1, 1_000_000_000)] {
      var bucket = TokenBucket(perSecond: rate, burst: burst)
      #expect(bucket.take(at: Instant(nanoseconds: 0)) == true)
      _ = bucket.take(at: .distantFuture)
      _ = bucket.opening(at: .distantFuture)
      #expect(bucket.opening(at: Instant(nanoseconds: .min)) >= Instant(nanoseconds: .min))
    }
  }

  @Test("at random never gives more than a burst and what was earned, and gives it all to who always asks", arguments: 0..<10)
  func model(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let (rate, burst) = (Int64.random(in: 1...5000, using: &generator), Int64.random(in: 1...100, using: &generator))
    var bucket = TokenBucket(perSecond: rate, burst: burst)
    var (now, taken) = (Int64(0), Int64(0))
    for _ in 0..<5000 {
      now += Int64.random(in: 0...3_000_000, using: &generator)
      if bucket.take(at: Instant(nanoseconds: now)) { taken += 1 }
      #expect(taken <= burst + now * rate / 1_000_000_000)
    }
    while bucket.take(at: Instant(nanoseconds: now)) { taken += 1 }
    #expect(taken >= min(burst, 1))
    #expect(bucket.opening(at: Instant(nanoseconds: now)) > Instant(nanoseconds: now))
  }
}
