/// A task of one thread for user code that waits, one piece after the other and each of any connection: to make a task costs as much as
/// ten messages.
///
/// Unchecked: the thread alone touches it.
final class Runner: @unchecked Sendable {
  enum Work {
    case requests(Requests, count: Int)
    case hook(Connection, Hook)
  }

  typealias Hook = nonisolated(nonsending) @Sendable (Connection) async -> Void

  private let cork: Cork
  @exclusivity(unchecked) private var work: Work?
  @exclusivity(unchecked) private var wakeUp: UnsafeContinuation<Void, Never>?
  /// Holds the runner as long as it runs.
  @exclusivity(unchecked) private(set) var task: Task<Void, Never>?

  /// - Parameter cork: that of the thread.
  init(_ cork: Cork) { self.cork = cork }

  /// Has not come to the end of its work.
  var isBusy: Bool { work != nil }

  /// Makes ready to run `work`. In a chain of the thread, whose executor is given.
  func begin(_ work: Work, on executor: any TaskExecutor) {
    self.work = work
    guard let wakeUp = wakeUp.take() else {
      task = Task.detached(executorPreference: executor) { await self.run() }
      return
    }
    wakeUp.resume()
  }

  /// Ends the task, which waits for work.
  func end() { wakeUp.take()?.resume() }

  nonisolated(nonsending) private func run() async {
    while let work {
      let isReusable = await run(work)
      self.work = nil
      // User code may have cancelled the task that it found itself in.
      guard isReusable, !Task.isCancelled, cork.runners.park(self) else { break }
      await withUnsafeContinuation { wakeUp = $0 }
    }
    task = nil
  }

  /// Returns whether the task can run other work: nobody cancels it.
  nonisolated(nonsending) private func run(_ work: Work) async -> Bool {
    switch work {
    case .requests(let requests, let count):
      await requests.handle()
      return requests.connection.taskEnded(requests: count, cork)
    case .hook(let connection, let hook):
      await hook(connection)
      return connection.taskEnded(requests: 0, cork)
    }
  }
}

/// The runners of one thread that wait for work.
///
/// Unchecked: the thread alone touches it.
final class Runners: @unchecked Sendable {
  /// Kept at most, of some two kilobytes each: more run side by side only when handlers wait for long, and then a new task is no matter.
  private static let limit = 8

  @exclusivity(unchecked) private var idle: [Runner] = []
  @exclusivity(unchecked) private var isEnded = false

  func next() -> Runner? { idle.popLast() }

  /// Returns false when the runner is to end.
  func park(_ runner: Runner) -> Bool {
    guard !isEnded, idle.count < Self.limit else { return false }
    idle.append(runner)
    return true
  }

  /// Ends those that wait, and the others as soon as they would: nobody resumes them once the thread has ended. Returns false when there
  /// are none.
  func end() -> Bool {
    isEnded = true
    defer { idle = [] }
    for runner in idle { runner.end() }
    return !idle.isEmpty
  }
}
