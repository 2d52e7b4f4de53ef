import Testing
import ZinxIO

@testable import Zinx

private func at(milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

@Suite("The pace of a connection")
struct PaceTests {
  @Test(
    "without a rate of its kind everything passes",
    arguments: [Pace.Rates(messages: 5, bytes: 0), Pace.Rates(messages: 0, bytes: 5)])
  func oneKind(rates: Pace.Rates) {
    let pace = Pace(rates)
    if rates.messages == 0 { #expect(pace.takeMessages(1_000_000, at: at(milliseconds: 0)) == 1_000_000) }
    if rates.bytes == 0 { #expect(pace.bytesAllowed(at: at(milliseconds: 0)) == .max) }
    #expect(!pace.isResting)
    #expect(pace.restUntil == .distantFuture)
  }

  @Test("messages pass up to the burst, then rest until there are tokens")
  func messages() {
    let pace = Pace(Pace.Rates(messages: 10))
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
    let pace = Pace(Pace.Rates(bytes: 1000))
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
    let pace = Pace(Pace.Rates(messages: 1, bytes: 1000))
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
