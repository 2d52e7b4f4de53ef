import Synchronization
import ZinxIO

/// NIOCore has one too.
typealias EventLoop = ZinxIO.EventLoop

/// The one event loop behind every client of the process, started by the first.
enum ClientLoop {
  private static let loop = Mutex<EventLoop?>(nil)

  /// Throws: ``SystemError`` when the process has no descriptor or thread left. A later call tries anew.
  static func shared() throws(SystemError) -> EventLoop {
    try loop.withLock { loop throws(SystemError) in
      if let loop { return loop }
      let new = try EventLoop(name: "zinx-client")
      _ = try Thread { new.run() }
      loop = new
      return new
    }
  }
}

/// Runs an actor on an event loop's thread, so that the actor's state may be touched right from the loop's events.
final class LoopExecutor: SerialExecutor {
  let loop: EventLoop

  init(_ loop: EventLoop) { self.loop = loop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    loop.execute { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
  }

  func isIsolatingCurrentContext() -> Bool? { loop.isCurrent }

  func checkIsolated() { precondition(loop.isCurrent, "an event was delivered off its loop") }
}
