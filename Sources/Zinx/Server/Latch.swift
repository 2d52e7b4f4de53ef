import Synchronization

/// Something that happens once, and can be waited for.
final class Latch: Sendable {
  private struct State {
    var isOpen = false
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    var nextKey = 0
  }

  private let state = Mutex(State())

  var isOpen: Bool { state.withLock { $0.isOpen } }

  /// It has happened. Again is as good as once.
  func open() {
    let waiting = state.withLock { state in
      state.isOpen = true
      defer { state.waiting = [:] }
      return state.waiting.values
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Returns once it has happened, also when the task is cancelled.
  func wait() async { await withCheckedContinuation { enqueue($0, as: nextKey()) } }

  /// Returns once one of the two has happened.
  func wait(orFor other: Latch) async {
    guard !isOpen, !other.isOpen else { return }
    await withTaskGroup(of: Void.self) { group in
      for latch in [self, other] { group.addTask { await latch.waitUnlessCancelled() } }
      await group.next()
      group.cancelAll()
    }
  }

  /// Returns whether it has happened, once it has or the time is over; that of a cancelled task is over at once.
  func wait(atMost timeout: Duration) async -> Bool {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.waitUnlessCancelled() }
      group.addTask { try? await Task.sleep(for: timeout) }
      await group.next()
      group.cancelAll()
    }
    return isOpen
  }

  private func waitUnlessCancelled() async {
    let key = nextKey()
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        enqueue(continuation, as: key)
        // The handler may have run before there was anything to resume.
        if Task.isCancelled { giveUp(key) }
      }
    } onCancel: {
      giveUp(key)
    }
  }

  private func nextKey() -> Int {
    state.withLock { state in
      state.nextKey += 1
      return state.nextKey
    }
  }

  private func enqueue(_ continuation: CheckedContinuation<Void, Never>, as key: Int) {
    let isOpen = state.withLock { state in
      if !state.isOpen { state.waiting[key] = continuation }
      return state.isOpen
    }
    if isOpen { continuation.resume() }
  }

  private func giveUp(_ key: Int) { state.withLock { $0.waiting.removeValue(forKey: key) }?.resume() }
}
