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

  /// Wakes one sleeper, or keeps the next one awake. Any thread.
  package func unpark() { sem_post(semaphore) }
}
