import Synchronization
import Testing
import ZinxIO

@Suite("EventLoop: stop", .timeLimit(.minutes(1)))
struct EventLoopStopTests {
  @Test("what was accepted before stop is run, even if the loop had not started")
  func acceptedBefore() async throws {
    let loop = try EventLoop(name: "test-loop")
    let probe = Probe<Int>()
    for number in 0..<3 { loop.execute { probe.report(number) } }
    loop.stop()
    try await TestThread { loop.run() }.end()
    #expect(probe.all == [0, 1, 2])
  }

  @Test("stop wakes a waiting loop, and a second stop does no harm")
  func wakes() async throws {
    let loop = try EventLoop(name: "test-loop")
    let thread = try TestThread { loop.run() }
    try await loop.call {}
    loop.stop()
    loop.stop()
    try await thread.end()
    loop.stop()
  }

  @Test("a loop can stop itself, and runs what it accepted with it")
  func fromInside() async throws {
    let loop = try EventLoop(name: "test-loop")
    let probe = Probe<String>()
    let thread = try TestThread { loop.run() }
    loop.execute {
      loop.stop()
      loop.execute { probe.report("after") }
      probe.report("stopped")
    }
    try await thread.end()
    #expect(probe.all == ["stopped", "after"])
  }

  @Test("of the work that many threads brought before stop none is lost")
  func manyThreads() async throws {
    for _ in 0..<50 {
      let loop = try EventLoop(name: "test-loop")
      let count = Atomic(0)
      let thread = try TestThread { loop.run() }
      try await onThreads(3) { _ in for _ in 0..<50 { loop.execute { count.add(1, ordering: .relaxed) } } }
      loop.stop()
      try await thread.end()
      #expect(count.load(ordering: .relaxed) == 150)
    }
  }

  @Test("the hooks see the work that stop lets through")
  func hooks() async throws {
    let loop = try EventLoop(name: "test-loop")
    let probe = Probe<String>()
    loop.setHooks(afterWake: { probe.report("wake") })
    loop.execute { probe.report("work") }
    loop.stop()
    try await TestThread { loop.run() }.end()
    #expect(probe.all == ["work", "wake"])
  }
}
