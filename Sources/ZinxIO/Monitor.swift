import CLinux
import Glibc

/// A value under a lock, with a condition to sleep on until it changes: `Synchronization` has the lock but not the condition.
///
/// Unchecked: `value` is touched under `mutex` only. The two live on the heap, since pthread(7) objects must not move.
package final class Monitor<Value>: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var value: Value

  package init(_ value: sending Value) {
    self.value = value
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Changes the value, and wakes one sleeper if `body` says so.
  package func withLock(_ body: (inout Value) -> Bool) {
    pthread_mutex_lock(mutex)
    let wake = body(&value)
    pthread_mutex_unlock(mutex)
    if wake { pthread_cond_signal(condition) }
  }

  /// Sleeps until `body` returns something. It is called with the lock held, once at first and then after each wake-up.
  package func wait<Result>(for body: (inout Value) -> Result?) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = body(&value) { return result }
      pthread_cond_wait(condition, mutex)
    }
  }
}
