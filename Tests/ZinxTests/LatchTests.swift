import Testing
import ZinxTestKit

@testable import Zinx

@Suite("A latch", .timeLimit(.minutes(1)))
struct LatchTests {
  @Test("lets all go on who wait, and who come later, once it is open")
  func opens() async {
    let latch = Latch()
    async let first: Void = latch.wait()
    async let second = latch.wait(atMost: .seconds(50))
    #expect(!latch.isOpen)
    latch.open()
    latch.open()
    await first
    #expect(await second)
    await latch.wait()
    #expect(await latch.wait(atMost: .zero))
  }

  @Test("that stays shut keeps nobody for longer than that")
  func timeOut() async {
    #expect(await !Latch().wait(atMost: .milliseconds(1)))
  }

  @Test("keeps no task that is cancelled, unless it waits without a limit")
  func cancelled() async {
    let latch = Latch()
    let cancelled = Task { await latch.wait(atMost: .seconds(50)) }
    cancelled.cancel()
    #expect(await !cancelled.value)
    let patient = Task {
      await latch.wait()
      return latch.isOpen
    }
    patient.cancel()
    latch.open()
    #expect(await patient.value)
  }
}
