import Testing
import ZinxIO
import ZinxTestKit

@Suite("A blocking call", .timeLimit(.minutes(1)))
struct BlockingCallTests {
  private struct Broken: Error {}

  @Test("returns what it returned, and throws what it threw")
  func outcome() async throws {
    let discarded = Recorder<Int>()
    #expect(
      try await runBlocking {
        7
      } discard: {
        discarded.append($0)
      } == 7)
    await #expect(throws: Broken.self) {
      try await runBlocking {
        throw Broken()
      } discard: {
        discarded.append($0)
      }
    }
    #expect(discarded.all == [])
  }

  @Test("that is cancelled is left to itself at once, and what it returns later is discarded")
  func cancelled() async throws {
    let gate = BlockingGate()
    let begun = Recorder<Bool>()
    let discarded = Recorder<Int>()
    let task = Task {
      try await runBlocking {
        begun.append(true)
        gate.pass()
        return 7
      } discard: {
        discarded.append($0)
      }
    }
    try await begun.wait(for: 1)
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(discarded.all == [])
    gate.open()
    #expect(try await discarded.wait(for: 1) == [7])
  }

  @Test("of a task that is cancelled already does not begin")
  func cancelledBefore() async throws {
    let begun = Recorder<Bool>()
    let task = Task {
      while !Task.isCancelled { await Task.yield() }
      try await runBlocking {
        begun.append(true)
      } discard: { _ in
      }
    }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(begun.all == [])
  }
}
