import CLinux
import Glibc

/// What the first process of a container has to do beside its work: processes whose parent is gone become its children, and stay
/// zombies until it waits for them.
///
/// The daemon itself cannot wait for "any child": it would take those that a plugin started from under the plugin's own wait, and
/// nothing tells the two apart. So it forks at the start. The parent stays process 1, waits for whatever ends, passes on signals, and
/// ends with the status of the child, which is the daemon and has no children but its own.
enum ProcessOne {
  /// Those that the kernel sends for a mistake of the process itself, and SIGCHLD.
  private static let ownSignals = [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGCHLD]

  /// Returns at once, but for process 1 and a process that is set to adopt (prctl(2), PR_SET_CHILD_SUBREAPER): there it returns in the
  /// child. To be called first in `main`, though after ``Signals/take()``, so that the child can take what is passed on. It does
  /// nothing once there are several threads, of which a fork would keep one.
  static func split() {
    let parent = getpid()
    guard parent == 1 || clinux_is_subreaper() != 0, isSingleThreaded else { return }
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    for number in ownSignals.dropLast() { sigdelset(&all, number) }
    // Blocked until somebody can take them: one that comes meanwhile waits, also in process 1, where it would be lost otherwise.
    pthread_sigmask(SIG_SETMASK, &all, &before)
    let child = clinux_fork()
    if child > 0 { lookAfter(child, all) }
    // A daemon without a reaper is better than none.
    if child == 0 { adopt(from: parent) }
    pthread_sigmask(SIG_SETMASK, &before, nil)
  }

  private static var isSingleThreaded: Bool {
    var tasks = stat()
    // A directory has a link for itself, its parent and each directory in it.
    return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink == 3
  }

  /// The child: it is the one that the service manager meant.
  private static func adopt(from parent: pid_t) {
    clinux_end_with_parent(SIGTERM)
    if getppid() != parent, parent != 1 { raise(SIGTERM) }
    for name in ["LISTEN_PID", "WATCHDOG_PID"] {
      if getenv(name).map({ String(cString: $0) }) == String(parent) { setenv(name, String(getpid()), 1) }
    }
  }

  /// The parent, until the child has ended.
  private static func lookAfter(_ child: pid_t, _ signals: sigset_t) -> Never {
    clinux_name_thread("zinx-init")
    // Sockets that were passed are not to listen on when the daemon has closed them.
    clinux_close_from(3)
    // The parent may have had it ignored, and then there is no status to pass on.
    signal(SIGCHLD, SIG_DFL)
    var signals = signals
    while true {
      var information = siginfo_t()
      let number = sigwaitinfo(&signals, &information)
      if number == SIGCHLD {
        reap(child)
      } else if number > 0, information.si_code <= 0 {
        // What a terminal sends has reached the child as well; it comes from the kernel.
        kill(child, number)
      }
    }
  }

  /// Waits for all that have ended. Does not return if the child is among them.
  private static func reap(_ child: pid_t) {
    var status: Int32 = 0
    while true {
      let pid = waitpid(-1, &status, WNOHANG)
      guard pid > 0 else { return }
      // As WIFEXITED, WEXITSTATUS and WTERMSIG of wait(2) have it, which are macros.
      if pid == child { _exit(status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f) }
    }
  }
}
