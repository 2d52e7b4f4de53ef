import ZinxIO

/// Whether the process may have the threads that a server needs.
enum ThreadLimit {
  /// Those of the runtime: its pool has one for each CPU, its timers one, and some are in reserve.
  static let reserve = LoopGroup.usableCPUs + 4

  /// Has `count` threads at once, and lets them end. The pool of the Swift runtime waits without end and without a word for a thread
  /// that it cannot have (`TasksMax=`, `RLIMIT_NPROC`), so this is found out before the pool is needed.
  ///
  /// Throws: ``SystemError`` when there are fewer.
  static func check(_ count: Int) throws(SystemError) {
    let isOver = Parker()
    var threads: [Thread] = []
    defer {
      for _ in threads { isOver.unpark() }
      for thread in threads { thread.join() }
    }
    for _ in 0..<count { threads.append(try Thread { isOver.park() }) }
  }
}
