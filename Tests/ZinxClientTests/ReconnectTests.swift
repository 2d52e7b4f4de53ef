import Testing
import ZinxClient
import ZinxTestKit

@Suite("The wait before a new attempt")
struct ReconnectTests {
  private static func delays(
    _ reconnect: Reconnect, afterHolding held: [Duration?], seed: UInt64 = 1
  ) -> [Duration] {
    var reconnect = reconnect
    var generator = SplitMix64(seed: seed)
    return held.map { reconnect.delay(afterHolding: $0, using: &generator) }
  }

  private static let plain = Reconnect(
    base: .milliseconds(100), cap: .seconds(1), multiplier: 2, jitter: .none, resetAfter: .seconds(10))

  @Test("doubles up to its cap")
  func doubles() {
    let expected: [Duration] = [100, 200, 400, 800, 1000, 1000].map { .milliseconds($0) }
    #expect(Self.delays(Self.plain, afterHolding: Array(repeating: nil, count: 6)) == expected)
  }

  @Test("begins anew after a connection that held, and not after one that did not")
  func resets() {
    let held: [Duration?] = [nil, nil, .seconds(9), .seconds(10), nil]
    #expect(Self.delays(Self.plain, afterHolding: held) == [100, 200, 400, 100, 200].map { .milliseconds($0) })
  }

  @Test("with full jitter lies anywhere up to the limit")
  func full() {
    var reconnect = Self.plain
    reconnect.jitter = .full
    reconnect.multiplier = 1
    let delays = Self.delays(reconnect, afterHolding: Array(repeating: nil, count: 1000))
    #expect(delays.allSatisfy { (.zero ... .milliseconds(100)).contains($0) })
    #expect(delays.contains { $0 < .milliseconds(10) } && delays.contains { $0 > .milliseconds(90) })
  }

  @Test("with equal jitter is at least half of the limit")
  func equal() {
    var reconnect = Self.plain
    reconnect.jitter = .equal
    reconnect.multiplier = 1
    let delays = Self.delays(reconnect, afterHolding: Array(repeating: nil, count: 1000))
    #expect(delays.allSatisfy { (.milliseconds(50) ... .milliseconds(100)).contains($0) })
    #expect(delays.contains { $0 < .milliseconds(55) } && delays.contains { $0 > .milliseconds(95) })
  }

  @Test("depends on nothing but the generator")
  func reproducible() {
    let held = [Duration?](repeating: nil, count: 20)
    #expect(Self.delays(Reconnect(), afterHolding: held, seed: 7) == Self.delays(Reconnect(), afterHolding: held, seed: 7))
    #expect(Self.delays(Reconnect(), afterHolding: held, seed: 7) != Self.delays(Reconnect(), afterHolding: held, seed: 8))
  }

  @Test("stays between zero and the cap whatever it was told", arguments: [0.5, -3, .infinity, .nan, 1e300])
  func absurd(_ multiplier: Double) {
    for base in [Duration.seconds(-1), .zero, .seconds(1), .seconds(Int64.max)] {
      var reconnect = Self.plain
      reconnect.base = base
      reconnect.multiplier = multiplier
      let delays = Self.delays(reconnect, afterHolding: Array(repeating: nil, count: 5))
      #expect(delays.allSatisfy { (.zero ... .seconds(1)).contains($0) })
    }
    var reconnect = Self.plain
    reconnect.cap = .seconds(-1)
    #expect(Self.delays(reconnect, afterHolding: [nil, nil]) == [.zero, .zero])
  }
}
