import CLinux
import Glibc
import Testing
import ZinxIO

/// A thread whose end is waited for without blocking one of the test's own, so that the time limit holds for it too.
final class TestThread: Sendable {
  private let thread: Thread
  private let ended: Probe<Void>

  init(_ body: @escaping @Sendable () -> Void) throws {
    let ended = Probe<Void>()
    self.ended = ended
    thread = try Thread {
      body()
      ended.report(())
    }
  }

  func end() async throws {
    try await ended.next()
    thread.join()
  }
}

/// Runs `body` on `count` threads at once, and returns when all of them have ended.
func onThreads(_ count: Int, _ body: @escaping @Sendable (_ index: Int) -> Void) async throws {
  let threads = try (0..<count).map { index in try TestThread { body(index) } }
  for thread in threads { try await thread.end() }
}

/// Runs `body` beside an event loop that has a thread of its own, and ends the loop after it.
func withLoop<Value>(setUp: (EventLoop) -> Void = { _ in }, _ body: (EventLoop) async throws -> Value) async throws -> Value {
  let loop = try EventLoop(name: "test-loop")
  setUp(loop)
  let thread = try TestThread { loop.run() }
  let result: Result<Value, any Error>
  do { result = .success(try await body(loop)) } catch { result = .failure(error) }
  loop.stop()
  try await thread.end()
  return try result.get()
}

extension EventLoop {
  /// What `body` returns on the loop's thread.
  func call<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    let probe = Probe<Result<Value, any Error>>()
    execute { probe.report(Result { try body() }) }
    return try await probe.next().get()
  }

  /// Returns once the loop has reported what was ready before this call: it waits for a descriptor that became ready after that.
  func settle() async throws {
    let probe = Probe<Void>()
    let event = eventfd(1, Int32(EFD_CLOEXEC))
    let handler = Handler { _ in
      self.forget(event)
      close(event)
      probe.report(())
    }
    execute {
      do { try self.register(event, for: .readable, handler) } catch { Issue.record(error) }
    }
    try await probe.next()
    try await call {}
  }
}

/// Hands each report to a closure.
final class Handler: ReadinessHandler, Sendable {
  private let body: @Sendable (Readiness) -> Void

  init(_ body: @escaping @Sendable (Readiness) -> Void) { self.body = body }

  func ready(_ readiness: Readiness) { body(readiness) }
}
