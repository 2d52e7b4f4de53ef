import ZinxIO

/// Runs something that blocks on a thread of its own, since the threads that tasks share must not be held.
package func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    do { _ = try Thread { continuation.resume(with: Result(catching: body)) } } catch { continuation.resume(throwing: error) }
  }
}

/// Waits until something is so, giving way to other tasks in between.
package func until(_ condition: () async -> Bool) async throws {
  while await !condition() {
    try Task.checkCancellation()
    await Task.yield()
  }
}
