import Synchronization
import ZinxIO

extension Route {
  /// A handler of single requests that is cancelled when it takes longer than its deadline.
  ///
  /// It runs in a task of its own on the same thread, since that of its batch would stay cancelled for the requests behind it. What is
  /// thrown after the deadline becomes ``DeadlineExceeded``.
  static func within(_ deadline: Duration, _ handle: @escaping One) -> One {
    { request in
      let task = Task(executorPreference: request.connection.executor) { try await handle(request) }
      let alarm = Alarm(request, deadline) { task.cancel() }
      let result = await withTaskCancellationHandler {
        await task.result
      } onCancel: {
        task.cancel()
      }
      if !alarm.stop(), case .failure = result { throw DeadlineExceeded(deadline: deadline) }
      try result.get()
    }
  }

  /// A route for such a handler.
  @usableFromInline
  static func waiting(_ deadline: Duration, _ handle: @escaping One) -> Route {
    let one = within(deadline, handle)
    return Route(one: one, all: { await $0.forEach(one) })
  }
}

/// Goes off when a handler has not returned within its deadline, unless it is stopped before. One of the two happens.
///
/// Unchecked: the timer belongs to the event loop.
private final class Alarm: @unchecked Sendable {
  private let isOver = Atomic<Bool>(false)
  private let loop: EventLoop
  private var timer: EventLoop.Timer?

  /// - Parameter ring: runs on the event loop.
  init(_ request: Request, _ deadline: Duration, _ ring: @escaping @Sendable () -> Void) {
    loop = request.connection.loop
    let end = loop.time.advanced(byNanoseconds: deadline.inNanoseconds)
    onLoop {
      guard !self.isOver.load(ordering: .relaxed) else { return }
      self.timer = self.loop.schedule(at: end) {
        self.timer = nil
        guard self.end() else { return }
        request.connection.handler.reportDeadline(deadline, of: request)
        ring()
      }
    }
  }

  /// Returns false if it has gone off.
  func stop() -> Bool {
    guard end() else { return false }
    onLoop { if let timer = self.timer { self.loop.cancel(timer) } }
    return true
  }

  private func end() -> Bool { !isOver.exchange(true, ordering: .acquiringAndReleasing) }

  private func onLoop(_ work: @escaping @Sendable () -> Void) { if loop.isCurrent { work() } else { loop.execute(work) } }
}
