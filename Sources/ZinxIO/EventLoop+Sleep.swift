import Synchronization

extension EventLoop {
  /// Returns once `deadline` has come, as the loop's clock has it. Any thread.
  ///
  /// Throws: `CancellationError`, as soon as the task is cancelled.
  package func sleep(until deadline: Instant) async throws {
    let sleeper = Sleeper()
    let hasCome = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        sleeper.race.start(continuation)
        execute { [self] in if !sleeper.isOff { sleeper.timer = schedule(at: deadline) { sleeper.race.finish(true) } } }
      }
    } onCancel: {
      sleeper.race.finish(false)
      execute { [self] in
        sleeper.isOff = true
        if let timer = sleeper.timer { cancel(timer) }
      }
    }
    guard hasCome else { throw CancellationError() }
  }
}

/// Unchecked: what varies is the loop's alone.
private final class Sleeper: @unchecked Sendable {
  let race = Race<Bool>()
  var timer: EventLoop.Timer?
  var isOff = false
}
