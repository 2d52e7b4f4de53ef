import Glibc

/// A system call that failed: which one, and `errno`.
package struct SystemError: Error, Hashable, CustomStringConvertible {
  package let call: String
  package let code: Int32

  package init(_ call: String, code: Int32 = errno) {
    self.call = call
    self.code = code
  }

  /// The kernel's words for the code, e.g. `Address already in use`.
  package var reason: String { String(cString: strerror(code)) }

  package var description: String { "\(call): \(reason)" }
}

/// Whether a call on a socket failed for the moment only: nothing to take or no room, or the kernel was short of memory.
package func isTemporary(_ code: Int32) -> Bool { code == EAGAIN || code == ENOBUFS || code == ENOMEM }

/// Repeats a system call while a signal interrupts it. The result is the call's own: -1 means an error, left in `errno`.
@inlinable
package func retryingOnInterrupt<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}
