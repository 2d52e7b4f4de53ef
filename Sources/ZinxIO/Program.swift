import CLinux
import Glibc

/// What a program gets from whoever starts it: its arguments, its three streams, and `/proc`.
package enum Program {
  /// The arguments without the program's own name. Swift's `CommandLine` has none where there is no `/proc`, as in a chroot.
  package static var arguments: [String] {
    guard clinux_argument(0) != nil else { return Array(CommandLine.arguments.dropFirst()) }
    var arguments: [String] = []
    while let argument = clinux_argument(Int32(arguments.count + 1)) { arguments.append(String(cString: argument)) }
    return arguments
  }

  /// Whether there is a `/proc`. Without it Swift's runtime ends a process that has tasks, whenever its pool of threads is busy: it
  /// looks there for which of them run.
  package static var hasProc: Bool { access("/proc/self/task", F_OK) == 0 }

  /// Keeps the numbers of streams that are closed from being given to something else. To be called first in `main`.
  package static func keepStreams() { clinux_occupy_standard_descriptors() }

  /// Writes all of a text to standard output. A reader that has gone ends the process as it ends any filter: without a word, by SIGPIPE.
  package static func print(_ text: String) throws(SystemError) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = retryingOnInterrupt { bytes.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) } }
      if count >= 0 {
        bytes = bytes.dropFirst(count)
      } else if errno == EAGAIN {
        // Another process made the pipe that we share non-blocking.
        var entry = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
        _ = poll(&entry, 1, -1)
      } else {
        let error = SystemError("standard output")
        if error.code == EPIPE { endByBrokenPipe() }
        throw error
      }
    }
  }

  private static func endByBrokenPipe() -> Never {
    // It may be ignored, as systemd starts services.
    signal(SIGPIPE, SIG_DFL)
    raise(SIGPIPE)
    // Only where it is blocked.
    _exit(128 + SIGPIPE)
  }
}
