import Glibc

/// A system call that failed for a reason of this machine: its name and errno(3).
public struct SystemCallError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The call, as its manual page is named.
  public let call: String
  /// The value of errno.
  public let code: Int32

  /// Wraps `code`, which is read right after the call so that nothing can overwrite it.
  public init(_ call: String, code: Int32 = Glibc.errno) {
    self.call = call
    self.code = code
  }

  public var description: String { "\(call): \(String(cString: strerror(code)))" }
}

/// Runs a call again for as long as a signal interrupts it; the result is 0, or errno if the call returned less than 0.
func retryingInterrupts(_ call: () -> Int) -> Int32 {
  while true {
    if call() >= 0 { return 0 }
    let code = errno
    if code != EINTR { return code }
  }
}
