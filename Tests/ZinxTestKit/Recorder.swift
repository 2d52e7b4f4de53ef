import Synchronization

/// Collects what happens, from any thread, and lets a test wait for it.
public final class Recorder<Element: Sendable>: Sendable {
  private struct Waiter {
    let isOver: ([Element]) -> Bool
    let continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var elements: [Element] = []
    var waiters: [Int: Waiter] = [:]
    var nextWaiter = 0

    mutating func takeOver() -> [Waiter] {
      let over = waiters.filter { $0.value.isOver(elements) }
      for key in over.keys { waiters[key] = nil }
      return Array(over.values)
    }
  }

  private let state = Mutex(State())

  public init() {}

  public func append(_ element: Element) {
    let over = state.withLock { state in
      state.elements.append(element)
      return state.takeOver()
    }
    for waiter in over { waiter.continuation.resume() }
  }

  public var all: [Element] { state.withLock { $0.elements } }
  public var count: Int { state.withLock { $0.elements.count } }

  /// Returns once `isOver` says so of all that has happened.
  ///
  /// Throws: `CancellationError`, as when the time limit of the test is over.
  @discardableResult
  public func wait(until isOver: @escaping @Sendable ([Element]) -> Bool) async throws -> [Element] {
    let key = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let over = state.withLock { state in
          state.waiters[key] = Waiter(isOver: isOver, continuation: continuation)
          return state.takeOver()
        }
        for waiter in over { waiter.continuation.resume() }
        if Task.isCancelled { giveUp(key) }
      }
    } onCancel: {
      giveUp(key)
    }
    try Task.checkCancellation()
    return all
  }

  /// Returns once there are `count` elements.
  @discardableResult
  public func wait(for count: Int) async throws -> [Element] { try await wait { $0.count >= count } }

  private func giveUp(_ key: Int) { state.withLock { $0.waiters.removeValue(forKey: key) }?.continuation.resume() }
}

extension Recorder where Element: Equatable {
  /// Returns once `element` has happened.
  public func wait(for element: Element) async throws where Element: Sendable { try await wait { $0.contains(element) } }
}
