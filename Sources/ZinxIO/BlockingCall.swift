import Synchronization

/// Runs a call that may block for long on a thread of its own, where it holds up nobody.
///
/// When the task is cancelled this throws at once and the call is left to itself; should it still return a value, `discard` has it.
///
/// Throws: what the call throws, ``SystemError`` without a thread for it, and `CancellationError`.
package func runBlocking<Value: Sendable>(
  _ body: @escaping @Sendable () throws -> Value, discard: @escaping @Sendable (Value) -> Void
) async throws -> Value {
  let call = BlockingCall(discard)
  return try await withTaskCancellationHandler {
    try await withCheckedThrowingContinuation { continuation in
      guard call.await(continuation) else { return }
      do { _ = try Thread { call.end(Result(catching: body)) } } catch { call.end(.failure(error)) }
    }
  } onCancel: {
    call.abandon()
  }
}

private final class BlockingCall<Value: Sendable>: Sendable {
  private enum State {
    case new
    case awaited(CheckedContinuation<Value, any Error>)
    case over

    var continuation: CheckedContinuation<Value, any Error>? {
      if case .awaited(let continuation) = self { continuation } else { nil }
    }
  }

  private let state = Mutex(State.new)
  private let discard: @Sendable (Value) -> Void

  init(_ discard: @escaping @Sendable (Value) -> Void) { self.discard = discard }

  /// Returns false when the task was cancelled before there was anything to await.
  func await(_ continuation: CheckedContinuation<Value, any Error>) -> Bool {
    let isNew = state.withLock { state in
      guard case .new = state else { return false }
      state = .awaited(continuation)
      return true
    }
    if !isNew { continuation.resume(throwing: CancellationError()) }
    return isNew
  }

  func end(_ result: Result<Value, any Error>) {
    if let continuation = takeOver() { return continuation.resume(with: result) }
    if case .success(let value) = result { discard(value) }
  }

  func abandon() { takeOver()?.resume(throwing: CancellationError()) }

  private func takeOver() -> CheckedContinuation<Value, any Error>? {
    state.withLock { state in
      defer { state = .over }
      return state.continuation
    }
  }
}
