import Testing
import ZinxIO

@testable import ZinxNats

@Suite("Requests that wait for NATS")
struct PendingRequestsTests {
  private let start = Instant(nanoseconds: 1_000)

  private func at(_ nanoseconds: Int64) -> Instant { start.advanced(byNanoseconds: nanoseconds) }

  @Test func `are taken out once, by their tokens`() {
    var pending = PendingRequests<String>()
    let first = pending.add("a", timeout: 10, at: start)
    let second = pending.add("b", timeout: 10, at: start)
    #expect(pending.take(second) == "b")
    #expect(pending.take(second) == nil)
    #expect(pending.take(first) == "a")
    #expect(pending.take(99) == nil)
    #expect(pending.count == 0)
    #expect(pending.nextDeadline == nil)
  }

  @Test func `may be looked at, and stay`() {
    var pending = PendingRequests<String>()
    let token = pending.add("a", timeout: 10, at: start)
    #expect(pending.take(token, unless: { $0 == "a" }) == "a")
    #expect(pending.take(token + 1, unless: { _ in true }) == nil)
    #expect(pending.takeExpired(at: at(10)) == ["a"])
    #expect(pending.take(token, unless: { _ in true }) == nil && pending.remembered == 0)
    let other = pending.add("b", timeout: 10, at: at(20))
    #expect(pending.take(other, unless: { _ in false }) == "b")
    #expect(pending.count == 0)
  }

  @Test func `have waited enough at their own time each`() {
    var pending = PendingRequests<String>()
    _ = pending.add("slow", timeout: 100, at: start)
    let answered = pending.add("answered", timeout: 10, at: start)
    _ = pending.add("quick", timeout: 10, at: at(1))
    #expect(pending.nextDeadline == at(10))
    _ = pending.take(answered)
    #expect(pending.takeExpired(at: at(10)) == [])
    #expect(pending.nextDeadline == at(11))
    #expect(pending.takeExpired(at: at(11)) == ["quick"])
    #expect(pending.nextDeadline == at(100))
    #expect(pending.takeExpired(at: at(500)) == ["slow"])
    #expect(pending.nextDeadline == nil)
  }

  @Test func `all fail in their order when NATS is lost`() {
    var pending = PendingRequests<Int>()
    for number in 0..<100 { _ = pending.add(number, timeout: Int64(100 - number), at: start) }
    #expect(pending.takeAll() == Array(0..<100))
    #expect(pending.count == 0)
    #expect(pending.takeExpired(at: at(1_000)) == [])
  }

  @Test func `that were answered behind one that is not take no memory for long`() {
    var pending = PendingRequests<Int>()
    _ = pending.add(-1, timeout: 1_000_000, at: start)
    for number in 0..<10_000 { _ = pending.take(pending.add(number, timeout: 1_000_000, at: at(Int64(number)))) }
    #expect(pending.count == 1)
    #expect(pending.remembered <= 66)
  }
}
