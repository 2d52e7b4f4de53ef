import CLinux
import Glibc

/// What threads sleep on until another wakes them: sem_overview(7). A wake-up that comes first is kept, so that nothing is missed
/// between the decision to sleep and the sleep. Sleeping and waking are one system call each, where a condition variable takes a
/// mutex as well and its sleepers run into each other there.
///
/// Unchecked: the semaphore is its own synchronisation. It lives on the heap, since it must not move.
package final class Parker: @unchecked Sendable {
  private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

  package init() { sem_init(semaphore, 0, 0) }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  /// Sleeps until there is a wake-up, and uses it up.
  package func park() {
    while sem_wait(semaphore) == -1, errno == EINTR {}
  }

  /// The same for a limited time. Returns false when that has passed without a wake-up.
  package func park(atMost time: Duration) -> Bool {
    var deadline = timespec()
    clock_gettime(CLOCK_REALTIME, &deadline)
    let nanoseconds = deadline.tv_nsec + Int(clamping: max(.zero, time).inNanoseconds)
    deadline.tv_sec += nanoseconds / 1_000_000_000
    deadline.tv_nsec = nanoseconds % 1_000_000_000
    while sem_timedwait(semaphore, &deadline) == -1 { if errno != EINTR { return false } }
    return true
  }

  /// Wakes one sleeper, or keeps the next one awake. Any thread.
  package func unpark() { sem_post(semaphore) }
}
