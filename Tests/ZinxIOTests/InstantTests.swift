import Testing
import ZinxIO

@Suite("Instant and Duration")
struct InstantTests {
  @Test("the clock never goes backwards and is not zero")
  func monotonic() {
    var last = Instant(nanoseconds: 0)
    for _ in 0..<1_000 {
      let now = Instant.now
      #expect(now >= last)
      last = now
    }
    #expect(last > Instant(nanoseconds: 0))
    #expect(last < .distantFuture)
  }

  @Test("instants are ordered and added to by nanoseconds")
  func arithmetic() {
    let instant = Instant(nanoseconds: 100)
    #expect(instant.advanced(byNanoseconds: 20) == Instant(nanoseconds: 120))
    #expect(instant.advanced(byNanoseconds: -120) == Instant(nanoseconds: -20))
    #expect(instant < instant.advanced(byNanoseconds: 1))
    #expect(instant.advanced(byNanoseconds: 0) == instant)
  }

  @Test("an addition that overflows ends at the end of time on its own side")
  func saturation() {
    #expect(Instant(nanoseconds: 1).advanced(byNanoseconds: .max) == .distantFuture)
    #expect(Instant(nanoseconds: .max).advanced(byNanoseconds: 1) == .distantFuture)
    #expect(Instant.distantFuture.advanced(byNanoseconds: .max) == .distantFuture)
    #expect(Instant(nanoseconds: -2).advanced(byNanoseconds: .min) == Instant(nanoseconds: .min))
    #expect(Instant(nanoseconds: .min).advanced(byNanoseconds: -1) == Instant(nanoseconds: .min))
    #expect(Instant(nanoseconds: 0).advanced(byNanoseconds: .min) == Instant(nanoseconds: .min))
  }

  @Test(
    "a duration is converted to whole nanoseconds, towards zero",
    arguments: [
      (Duration.zero, 0), (.nanoseconds(1), 1), (.nanoseconds(-1), -1), (.milliseconds(1_500), 1_500_000_000),
      (.milliseconds(-1_500), -1_500_000_000), (.seconds(25), 25_000_000_000), (.seconds(-25), -25_000_000_000),
      (Duration(secondsComponent: 1, attosecondsComponent: 999_999_999), 1_000_000_000),
      (Duration(secondsComponent: 0, attosecondsComponent: -999_999_999), 0),
    ] as [(Duration, Int64)])
  func conversion(_ duration: Duration, _ nanoseconds: Int64) {
    #expect(duration.inNanoseconds == nanoseconds)
  }

  @Test("the last durations that fit are converted exactly")
  func ends() {
    #expect(Duration.nanoseconds(Int64.max).inNanoseconds == .max)
    #expect(Duration.nanoseconds(Int64.min).inNanoseconds == .min)
    #expect(Duration.seconds(9_223_372_036).inNanoseconds == 9_223_372_036_000_000_000)
    #expect(Duration.seconds(-9_223_372_036).inNanoseconds == -9_223_372_036_000_000_000)
  }

  @Test("longer durations are as long as can be said, in their own direction")
  func huge() {
    #expect((Duration.nanoseconds(Int64.max) + .nanoseconds(1)).inNanoseconds == .max)
    #expect((Duration.nanoseconds(Int64.min) - .nanoseconds(1)).inNanoseconds == .min)
    #expect(Duration.seconds(9_223_372_037).inNanoseconds == .max)
    #expect(Duration.seconds(-9_223_372_037).inNanoseconds == .min)
    #expect(Duration.seconds(Int64.max).inNanoseconds == .max)
    #expect(Duration.seconds(Int64.min).inNanoseconds == .min)
    #expect((Duration.seconds(Int64.max) * 10).inNanoseconds == .max)
  }
}
