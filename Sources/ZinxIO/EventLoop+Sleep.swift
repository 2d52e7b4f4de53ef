import Synchronization

extension EventLoop {
  /// Returns once `deadline` has come, as the loop's clock has it. Any thread.
  ///
  /// Throws: `CancellationError`, as soon as the task is cancelled.
  package func sleep(until deadline: Instant) async throws {
    let alarm = Alarm()
    let hasCome = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        alarm.race.start(continuation)
        execute { [self] in if !alarm.isOff { alarm.timer = schedule(at: deadline) { alarm.race.finish(true) } } }
      }
    } onCancel: {
      alarm.race.finish(false)
      execute { [self] in
        alarm.isOff = true
        if let timer = alarm.timer { cancel(timer) }
      }
    }
    guard hasCome else { throw CancellationError() }
  }
}

/// Unchecked: what varies is the loop's alone.
private final class Alarm: @unchecked Sendable {
  let race = Race<Bool>()
  var timer: EventLoop.Timer?
  var isOff = false
}
