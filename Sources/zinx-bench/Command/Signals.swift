import Glibc

/// Ctrl-C and SIGTERM end a run early, with its report; a second one ends the process.
///
/// They are blocked in every thread and taken by the one that watches the run, so nothing runs in a signal handler.
enum Signals {
  private static func set() -> sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGINT)
    sigaddset(&set, SIGTERM)
    return set
  }

  /// To be called before any thread is started.
  static func block() {
    var set = set()
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  static func unblock() {
    var set = set()
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
  }

  /// Sleeps for so many nanoseconds. Returns whether a signal came instead.
  static func sleep(_ nanoseconds: Int64) -> Bool {
    guard nanoseconds > 0 else { return false }
    var set = set()
    var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    return sigtimedwait(&set, nil, &time) > 0
  }
}
