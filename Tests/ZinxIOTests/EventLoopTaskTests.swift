import Testing
import ZinxIO

@Suite("EventLoop: tasks", .timeLimit(.minutes(1)))
struct EventLoopTaskTests {
  @Test("a task that prefers the loop runs on its thread")
  func preference() async throws {
    try await withLoop { loop in
      #expect(await Task(executorPreference: loop) { loop.isCurrent }.value)
      #expect(await Task.detached(executorPreference: loop) { loop.isCurrent }.value)
      #expect(await withTaskExecutorPreference(loop) { loop.isCurrent })
    }
  }

  @Test("an async function called from such a task, and its child tasks, stay on the loop")
  func callees() async throws {
    @concurrent func isCurrent(_ loop: EventLoop) async -> Bool { loop.isCurrent }
    try await withLoop { loop in
      let answers = await Task(executorPreference: loop) {
        async let child = isCurrent(loop)
        return [await isCurrent(loop), await child, loop.isCurrent]
      }.value
      #expect(answers == [true, true, true])
    }
  }

  @Test("a task suspended by Task.yield resumes on the loop, every time")
  func yield() async throws {
    try await withLoop { loop in
      let strays = await Task(executorPreference: loop) {
        var strays = 0
        for _ in 0..<500 {
          await Task.yield()
          if !loop.isCurrent { strays += 1 }
        }
        return strays
      }.value
      #expect(strays == 0)
    }
  }

  @Test("a task resumed by another thread resumes on the loop")
  func resumedElsewhere() async throws {
    try await withLoop { loop in
      let waiting = Probe<CheckedContinuation<Int, Never>>()
      let task = Task(executorPreference: loop) {
        let value = await withCheckedContinuation { waiting.report($0) }
        return (value, loop.isCurrent)
      }
      let continuation = try await waiting.next()
      try await TestThread { continuation.resume(returning: 42) }.end()
      #expect(await task.value == (42, true))
    }
  }

  @Test("a task that hops to the global executor and back ends on the loop")
  func hop() async throws {
    try await withLoop { loop in
      let places = await Task(executorPreference: loop) {
        let elsewhere = await withTaskExecutorPreference(globalConcurrentExecutor) { loop.isCurrent }
        return [elsewhere, loop.isCurrent]
      }.value
      #expect(places == [false, true])
    }
  }

  @Test("tasks made in order, on the loop or outside, begin in that order")
  func order() async throws {
    let outside = Probe<Int>()
    let inside = Probe<Int>()
    try await withLoop { loop in
      for number in 0..<200 { Task(executorPreference: loop) { outside.report(number) } }
      loop.execute {
        for number in 0..<200 { Task(executorPreference: loop) { inside.report(number) } }
      }
      try await #expect(outside.next(200) == Array(0..<200))
      try await #expect(inside.next(200) == Array(0..<200))
    }
  }

  @Test("afterJob runs when a task has suspended and again when it has ended, on the loop")
  func afterJob() async throws {
    let probe = Probe<String>()
    let waiting = Probe<CheckedContinuation<Void, Never>>()
    try await withLoop(setUp: { loop in loop.setHooks(afterJob: { probe.report(loop.isCurrent ? "job" : "stray") }) }) { loop in
      let task = Task(executorPreference: loop) {
        probe.report("begins")
        await withCheckedContinuation { waiting.report($0) }
        probe.report("ends")
      }
      try await #expect(probe.next(2) == ["begins", "job"])
      try await waiting.next().resume()
      try await #expect(probe.next(2) == ["ends", "job"])
      await task.value
    }
  }

  @Test("afterJob runs once for each task of a batch, between them, and not for plain work")
  func afterEachJob() async throws {
    let probe = Probe<String>()
    try await withLoop(setUp: { $0.setHooks(afterJob: { probe.report("job") }) }) { loop in
      try await loop.call {
        for number in 0..<3 { Task(executorPreference: loop) { probe.report("task \(number)") } }
        loop.execute { probe.report("work") }
      }
      try await #expect(probe.next(7) == ["task 0", "job", "task 1", "job", "task 2", "job", "work"])
    }
  }

  @Test("an immediate task runs its first part where it is made, and the rest on the loop")
  func immediate() async throws {
    let probe = Probe<String>()
    let waiting = Probe<CheckedContinuation<Void, Never>>()
    try await withLoop(setUp: { $0.setHooks(afterJob: { probe.report("job") }) }) { loop in
      try await loop.call {
        Task.immediateDetached(executorPreference: loop) {
          probe.report("first")
          await withCheckedContinuation { waiting.report($0) }
          probe.report(loop.isCurrent ? "second" : "stray")
        }
        probe.report("made")
      }
      try await #expect(probe.next(2) == ["first", "made"])
      try await waiting.next().resume()
      try await #expect(probe.next(2) == ["second", "job"])
    }
  }

  @Test("many tasks that suspend many times all end")
  func manyTasks() async throws {
    try await withLoop { loop in
      let sum = await withTaskGroup(of: Int.self) { group in
        for number in 0..<200 {
          group.addTask(executorPreference: loop) {
            for _ in 0..<20 { await Task.yield() }
            return number
          }
        }
        return await group.reduce(0, +)
      }
      #expect(sum == 199 * 100)
    }
  }
}
