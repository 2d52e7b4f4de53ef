import CLinux
import Synchronization

/// The event loops of a server, each on a thread of its own.
package final class LoopGroup: Sendable {
  package let loops: [EventLoop]
  private let threads = Mutex<[Thread]>([])

  /// The CPUs that the process may run on, at least 1.
  package static var usableCPUs: Int { Int(clinux_usable_cpus()) }

  /// How many loops `count` means: 0 is one for each CPU that the process may run on.
  package static func size(_ count: Int) -> Int { count > 0 ? count : usableCPUs }

  /// Makes ``size(_:)`` loops; they run from ``start()`` on. `sets`: one for each, or none; `clock`: see ``EventLoop``.
  package init(count: Int, name: String, sets: [Int32] = [], clock: ManualClock? = nil) throws(SystemError) {
    var loops: [EventLoop] = []
    for index in 0..<Self.size(count) {
      loops.append(try EventLoop(name: "\(name)-\(index)", set: sets.isEmpty ? nil : sets[index], clock: clock))
    }
    self.loops = loops
  }

  package func start() throws(SystemError) {
    for loop in loops {
      let thread = try Thread { loop.run() }
      threads.withLock { $0.append(thread) }
    }
  }

  /// Stops every loop and waits for its thread to end. Not from a loop's own thread.
  package func stop() {
    for loop in loops { loop.stop() }
    for thread in threads.withLock({ $0 }) { thread.join() }
  }
}
