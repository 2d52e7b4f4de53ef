import Synchronization

/// Hands entries from any number of threads to one writer. Adding never waits for the writer: the lock is held for a few
/// instructions at either end, never while an entry is rendered or written.
final class LogQueue: Sendable {
  fileprivate struct State {
    var buffer: LogBuffer
    var writerSleeps = false
    var isClosed = false
    var flushes: [(goal: Int, done: ThreadSemaphore)] = []
  }

  private let state: Mutex<State>
  private let work = ThreadSemaphore()

  init(limits: LogLimits) {
    state = Mutex(State(buffer: LogBuffer(limits: limits)))
  }

  /// Any thread.
  func add(_ entry: LogEntry) {
    let wake = state.withLock { state in
      state.buffer.add(entry)
      return state.takeWake()
    }
    // The system call is made only when the writer sleeps, and outside the lock.
    if wake { work.signal() }
  }

  /// Entries that found no room since the start. Any thread.
  var dropped: UInt64 { state.withLock { $0.buffer.droppedInAll } }

  /// The writer: waits for entries; `nil` once the queue is closed and empty.
  func next() -> [LogEntry]? {
    while true {
      let (batch, isClosed) = state.withLock { state -> ([LogEntry], Bool) in
        let batch = state.buffer.takeAll()
        state.writerSleeps = batch.isEmpty && !state.isClosed
        return (batch, state.isClosed)
      }
      if !batch.isEmpty { return batch }
      if isClosed { return nil }
      work.wait()
    }
  }

  /// The writer: `entry` is written.
  func finished(_ entry: LogEntry) {
    let done = state.withLock { state -> [ThreadSemaphore] in
      state.buffer.finished(entry)
      if state.flushes.isEmpty { return [] }
      let reached = state.flushes.filter { $0.goal <= state.buffer.written }.map(\.done)
      state.flushes.removeAll { $0.goal <= state.buffer.written }
      return reached
    }
    for semaphore in done { semaphore.signal() }
  }

  /// Any thread but the writer: waits until what was added before is written; false if that takes longer than `timeout`.
  func flush(timeout: Duration) -> Bool {
    let done = ThreadSemaphore()
    let mustWait = state.withLock { state in
      let goal = state.buffer.goal
      if state.buffer.written >= goal { return false }
      state.flushes.append((goal, done))
      return true
    }
    return !mustWait || done.wait(timeout: timeout)
  }

  /// The writer ends when it has written what is there.
  func close() {
    let wake = state.withLock { state in
      state.isClosed = true
      defer { state.writerSleeps = false }
      return state.writerSleeps
    }
    if wake { work.signal() }
  }
}

extension LogQueue.State {
  /// True once for each time the writer sleeps while there is work.
  fileprivate mutating func takeWake() -> Bool {
    guard writerSleeps, buffer.hasWork else { return false }
    writerSleeps = false
    return true
  }
}
