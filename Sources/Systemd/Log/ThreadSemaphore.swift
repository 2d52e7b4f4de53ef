import CSystemd
import Glibc

/// A counter that threads can wait for (sem_overview(7)).
///
/// Unchecked: the pointer never changes, and what it points to is what the sem_ calls synchronise. On the heap, because a sem_t
/// must not move; freed when nobody can be inside a call, since every caller holds a reference.
final class ThreadSemaphore: @unchecked Sendable {
  private let semaphore: UnsafeMutablePointer<sem_t>

  init() {
    semaphore = .allocate(capacity: 1)
    semaphore.initialize(to: sem_t())
    sem_init(semaphore, 0, 0)
  }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  func signal() { sem_post(semaphore) }

  func wait() { _ = retryingInterrupts { Int(sem_wait(semaphore)) } }

  /// False if nobody signalled in time.
  func wait(timeout: Duration) -> Bool {
    var deadline = timespec()
    clock_gettime(CLOCK_MONOTONIC, &deadline)
    // A year is as good as for ever, and leaves the sum in range.
    let end = min(timeout, .seconds(31_536_000)) + .seconds(deadline.tv_sec) + .nanoseconds(deadline.tv_nsec)
    deadline.tv_sec = time_t(end.components.seconds)
    deadline.tv_nsec = Int(end.components.attoseconds / 1_000_000_000)
    return retryingInterrupts { Int(sem_clockwait(semaphore, CLOCK_MONOTONIC, &deadline)) } == 0
  }
}
