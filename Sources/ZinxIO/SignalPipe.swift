import CLinux
import Glibc
import Synchronization

/// Signals as numbers to be read, from the first instruction of `main` on: those that come before anybody reads wait in the pipe.
///
/// One for the process. A handler and not sigwait(3) or signalfd(2): the main thread of a Swift program ends up in a sigsuspend(2)
/// that blocks no signal, so one that is blocked elsewhere would end the process there.
package enum SignalPipe {
  private static let readEnd = Atomic<Int32>(-1)
  private static let writeEnd = Atomic<Int32>(-1)
  private static let isPaused = Mutex(false)
  /// Microseconds between two looks at whether a pause is over.
  private static let pausePause: UInt32 = 5000

  /// Takes these signals over, also ones that the parent had blocked or ignored.
  ///
  /// Throws: ``SystemError`` when the process has no descriptor left; the signals are unblocked all the same.
  package static func open(_ numbers: [Int32]) throws(SystemError) {
    var set = sigset_t()
    sigemptyset(&set)
    for number in numbers { sigaddset(&set, number) }
    defer { pthread_sigmask(SIG_UNBLOCK, &set, nil) }
    var ends: [Int32] = [-1, -1]
    // A pair of sockets, since a sandbox may well forbid pipes (SystemCallFilter=~@ipc).
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw SystemError("socketpair") }
    readEnd.store(ends[0], ordering: .relaxed)
    writeEnd.store(ends[1], ordering: .sequentiallyConsistent)
    for number in numbers {
      // A full pipe has the signal already: nobody has read for long.
      signal(number) { number in
        let code = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(SignalPipe.writeEnd.load(ordering: .relaxed), &byte, 1)
        errno = code
      }
    }
  }

  /// Nobody takes a signal from here on: those that come wait in the pipe, for another program in this process or for ``resume()``. Returns
  /// the descriptor to read them from.
  package static func pause() -> Int32 {
    isPaused.withLock { $0 = true }
    return readEnd.load(ordering: .relaxed)
  }

  package static func resume() { isPaused.withLock { $0 = false } }

  /// Readable while a signal waits to be read, for poll(2) beside others.
  package static var descriptor: Int32 { readEnd.load(ordering: .relaxed) }

  /// Waits for the next signal; without a time-out for ever. Returns nil when the time is over. Blocks; one thread at a time.
  package static func next(within timeout: Duration? = nil) -> Int32? {
    let deadline = timeout.map { ContinuousClock.now + $0 }
    var request = pollfd(fd: readEnd.load(ordering: .relaxed), events: Int16(POLLIN), revents: 0)
    while true {
      var number: UInt8 = 0
      // A pause that has begun finds nobody between the look at it and the read.
      let (count, isPaused) = isPaused.withLock { $0 ? (-1, true) : (read(request.fd, &number, 1), false) }
      if count == 1 { return Int32(number) }
      if isPaused { usleep(Self.pausePause) }
      let rest = deadline.map { $0 - .now }
      if let rest, rest <= .zero { return nil }
      _ = poll(&request, 1, rest.map { Int32(clamping: Int64($0 / .milliseconds(1)) + 1) } ?? -1)
    }
  }

  /// Gives the signals their default actions back, and the descriptors. One that has come already has its own now. Before there are
  /// other threads.
  package static func close(_ numbers: [Int32]) {
    for number in numbers { signal(number, SIG_DFL) }
    let came = next(within: .zero)
    for end in [writeEnd.exchange(-1, ordering: .relaxed), readEnd.exchange(-1, ordering: .relaxed)] where end >= 0 {
      _ = Glibc.close(end)
    }
    if let came { kill(getpid(), came) }
  }
}
