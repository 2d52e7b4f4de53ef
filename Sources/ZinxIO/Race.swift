import Synchronization

/// A result that a task waits for and several may bring; the first one counts.
package final class Race<Value: Sendable>: Sendable {
  private enum State {
    case unstarted
    case waiting(CheckedContinuation<Value, Never>)
    case early(Value)
    case over
  }

  private let state = Mutex(State.unstarted)

  package init() {}

  /// Who waits; once.
  package func start(_ continuation: CheckedContinuation<Value, Never>) {
    let early: Value? = state.withLock { state in
      if case .early(let result) = state {
        state = .over
        return result
      }
      state = .waiting(continuation)
      return nil
    }
    if let early { continuation.resume(returning: early) }
  }

  package func finish(_ result: Value) {
    let continuation: CheckedContinuation<Value, Never>? = state.withLock { state in
      switch state {
      case .unstarted:
        state = .early(result)
        return nil
      case .waiting(let continuation):
        state = .over
        return continuation
      case .early, .over: return nil
      }
    }
    continuation?.resume(returning: result)
  }
}
