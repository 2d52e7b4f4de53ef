import Synchronization
import ZinxIO

/// What a plugin does beside its requests. Any thread.
final class PluginTasks: Sendable {
  private struct State {
    var isEnding = false
    var tasks: [Int: Task<Void, Never>] = [:]
    var next = 0
  }

  private let plugin: String
  private let emit: EventSink
  /// Where they run; nil: on the threads of the runtime.
  private let executor: (any TaskExecutor)?
  private let state = Mutex(State())
  /// All have ended, and there will be no more.
  let areOver = Latch()

  init(_ plugin: String, on executor: (any TaskExecutor)?, _ emit: @escaping EventSink) {
    (self.plugin, self.executor, self.emit) = (plugin, executor, emit)
  }

  var count: Int { state.withLock { $0.tasks.count } }

  func start(_ body: @escaping @Sendable () async throws -> Void) -> Bool {
    state.withLock { state in
      guard !state.isEnding else { return false }
      let key = state.next
      state.next += 1
      // It cannot come to its end before it is in the list: that takes the lock.
      state.tasks[key] = Task(executorPreference: executor) {
        do { try await body() } catch { self.failed(error) }
        self.ended(key)
      }
      return true
    }
  }

  func failed(_ error: any Error) { if !(error is CancellationError) { emit(.pluginTaskFailed(plugin: plugin, error)) } }

  private func ended(_ key: Int) {
    let isLast = state.withLock { state in
      state.tasks[key] = nil
      return state.isEnding && state.tasks.isEmpty
    }
    if isLast { areOver.open() }
  }

  /// Cancels them; no more begin.
  func cancel() {
    let tasks = state.withLock { state in
      state.isEnding = true
      return Array(state.tasks.values)
    }
    for task in tasks { task.cancel() }
    if tasks.isEmpty { areOver.open() }
  }
}
