import CLinux
import Glibc
import Synchronization

/// A thread of our own: it runs `body` once. Letting go of it does not end it.
package final class Thread: Sendable {
  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  private let handle: pthread_t
  private let isJoined = Atomic<Bool>(false)

  /// Throws: ``SystemError`` when the kernel has no thread left for this user (`TasksMax=`, `RLIMIT_NPROC`).
  package init(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
    var handle = pthread_t()
    let argument = Unmanaged.passRetained(Body(body))
    let status = pthread_create(
      &handle, nil,
      { argument in
        // The argument is the Body retained above; C leaves no other way to bring it here.
        if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
      }, argument.toOpaque())
    guard status == 0 else {
      argument.release()
      throw SystemError("pthread_create", code: status)
    }
    self.handle = handle
  }

  /// Waits for the body to return; at once when somebody has waited before.
  package func join() {
    if !isJoined.exchange(true, ordering: .acquiringAndReleasing) { pthread_join(handle, nil) }
  }

  deinit { if !isJoined.load(ordering: .acquiring) { pthread_detach(handle) } }
}

/// Names the calling thread for ps(1) and debuggers; the kernel keeps 15 bytes.
package func nameThread(_ name: String) { clinux_name_thread(name) }
