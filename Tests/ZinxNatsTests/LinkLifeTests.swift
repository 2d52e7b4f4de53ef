import Testing
import ZinxIO

@testable import ZinxNats

@Suite("The connection to NATS")
struct LinkLifeTests {
  private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

  @Test func `is tried again, less and less often, where there is no NATS yet, and says so once`() {
    var life = LinkLife()
    #expect(life.start() == .connect)
    var waits: [Duration] = []
    var words: [LinkLife.Word] = []
    for attempt in 0..<8 {
      let (action, word) = life.connectFailed("no server", at: at(Int64(attempt)))
      if case .retry(let wait) = action { waits.append(wait) }
      if let word { words.append(word) }
    }
    #expect(waits == [100, 200, 400, 800, 1600, 2000, 2000, 2000].map { .milliseconds($0) })
    #expect(words == [.unreachable("no server")])
    #expect(life.state == .connecting)
    #expect(life.connected(at: at(9)) == .connected)
    #expect(life.state == .connected && life.reconnects == 0)
  }

  @Test func `says another reason at once, and the same one after a minute`() {
    var life = LinkLife()
    _ = life.connectFailed("a", at: at(0))
    #expect(life.connectFailed("b", at: at(1)).1 == .unreachable("b"))
    #expect(life.connectFailed("b", at: at(59_000)).1 == nil)
    #expect(life.connectFailed("b", at: at(61_001)).1 == .unreachable("b"))
  }

  @Test func `that is lost is away until there is another one`() {
    var life = LinkLife()
    _ = life.connected(at: at(0))
    #expect(life.lost("gone", at: at(10)) == .lost("gone"))
    #expect(life.state == .away && life.reason == "gone")
    #expect(life.lost("told twice", at: at(11)) == nil)
    let (action, word) = life.closed("told in other words", at: at(12))
    #expect(action == .retry(.milliseconds(100)) && word == nil)
    #expect(life.connected(at: at(130)) == .back(.milliseconds(120)))
    #expect(life.connected(at: at(131)) == nil)
    #expect(life.reconnects == 1 && life.reason == nil)
  }

  @Test func `that is closed without a word before is lost too, and says why it does not come back`() {
    var life = LinkLife()
    _ = life.connected(at: at(0))
    let (action, word) = life.closed("gone", at: at(20))
    #expect(action == .retry(.milliseconds(100)) && word == .lost("gone"))
    let (again, why) = life.connectFailed("Authorization Violation", at: at(130))
    #expect(again == .retry(.milliseconds(200)) && why == .unreachable("Authorization Violation"))
    #expect(life.state == .away)
    #expect(life.connected(at: at(220)) == .back(.milliseconds(200)))
    // From the beginning again.
    #expect(life.closed("x", at: at(300)).0 == .retry(.milliseconds(100)))
  }

  @Test func `that was stopped does nothing any more`() {
    var life = LinkLife()
    #expect(life.stop() == .close)
    #expect(life.stop() == .nothing)
    #expect(life.start() == .nothing)
    #expect(life.connected(at: at(0)) == nil)
    #expect(life.lost("x", at: at(0)) == nil)
    let (action, word) = life.connectFailed("x", at: at(0))
    #expect(action == .nothing && word == nil)
    #expect(life.troubled("x", at: at(0)) == nil)
    #expect(life.state == .ended)
  }

  @Test func `tells the same trouble once in a minute`() {
    var life = LinkLife()
    _ = life.connected(at: at(0))
    #expect(life.troubled("no permission", at: at(1)) == .trouble("no permission"))
    #expect(life.troubled("no permission", at: at(2)) == nil)
    #expect(life.state == .connected)
  }
}
