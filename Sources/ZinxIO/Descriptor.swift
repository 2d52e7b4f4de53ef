import Glibc

/// A file descriptor with one owner, closed when the owner lets it go.
package struct Descriptor: ~Copyable, Sendable {
  package let number: Int32

  /// Takes ownership of an open descriptor.
  package init(owning number: Int32) { self.number = number }

  /// Takes ownership of what a system call returned.
  ///
  /// Throws: ``SystemError`` when the call failed.
  package init(_ number: Int32, from call: String) throws(SystemError) {
    guard number >= 0 else { throw SystemError(call) }
    self.number = number
  }

  /// Gives the descriptor away: the caller closes it.
  package consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }

  // close(2) is not repeated on EINTR: Linux has released the number by then.
  deinit { _ = Glibc.close(number) }
}
