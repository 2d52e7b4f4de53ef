import Testing

@testable import Zinx

@Suite("A burst of accepted connections")
struct AcceptBurstTests {
  /// Sizes of so many bursts, while so many connections come between two wake-ups, and how many calls found nobody.
  private func run(_ burst: inout AcceptBurst, wakeUps: Int, arriving: Int, waiting: Int = 0) -> (sizes: [Int], inVain: Int) {
    var (waiting, sizes, inVain) = (waiting, [Int](), 0)
    for _ in 0..<wakeUps {
      waiting += arriving
      // Epoll reports the socket while somebody waits.
      guard waiting > 0 else { continue }
      let count = min(burst.size, waiting)
      if count < burst.size { inVain += 1 }
      sizes.append(burst.size)
      waiting -= count
      burst.ended(after: count)
    }
    return (sizes, inVain)
  }

  @Test("is one connection at first, and one call in nine finds nobody when they come one by one")
  func oneByOne() {
    var burst = AcceptBurst()
    let (sizes, inVain) = run(&burst, wakeUps: 900, arriving: 1)
    #expect(sizes.prefix(9) == [1, 1, 1, 1, 1, 1, 1, 1, 2])
    #expect(inVain == 100)
  }

  @Test("grows in a flood to 64, and no more")
  func flood() {
    var burst = AcceptBurst()
    let (sizes, inVain) = run(&burst, wakeUps: 200, arriving: 0, waiting: 100_000)
    #expect(sizes.max() == 64 && sizes.last == 64)
    #expect(sizes.firstIndex(of: 64) == 48)
    #expect(inVain == 0)
  }

  @Test("finds its way to what comes, and leaves few waiting", arguments: [2, 5, 20, 60])
  func steady(arriving: Int) {
    var burst = AcceptBurst()
    _ = run(&burst, wakeUps: 100, arriving: arriving)
    let (sizes, _) = run(&burst, wakeUps: 400, arriving: arriving)
    // Everybody who came was taken, on the whole.
    #expect(sizes.reduce(0, +) >= arriving * 390)
  }

  @Test("is as small as before when the flood is over")
  func afterwards() {
    var burst = AcceptBurst()
    _ = run(&burst, wakeUps: 100, arriving: 100)
    burst.ended(after: 0)
    #expect(burst.size == 1)
  }

  @Test("is never empty")
  func atLeastOne() {
    var burst = AcceptBurst()
    for _ in 0..<20 { burst.ended(after: 0) }
    #expect(burst.size == 1)
  }
}
