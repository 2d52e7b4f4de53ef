import Synchronization
import ZinxIO

/// What the threads of a run and the one that watches them share.
final class Control: Sendable {
  /// One for each thread; what it writes all the time shares no cache line with the others'.
  final class Lane: Sendable {
    fileprivate let messages = Atomic<Int>(0)
    fileprivate let errors = Atomic<Int>(0)
    fileprivate let open = Atomic<Int>(0)
    /// The thread has its connections and waits for the start.
    fileprivate let isReady = Atomic<Bool>(false)
    fileprivate let isDone = Atomic<Bool>(false)
    fileprivate let start = Monitor<Int64?>(nil)
    fileprivate let result = Mutex<Tally?>(nil)

    /// For those who watch.
    func publish(messages: Int, errors: Int, open: Int) {
      self.messages.store(messages, ordering: .relaxed)
      self.errors.store(errors, ordering: .relaxed)
      self.open.store(open, ordering: .relaxed)
    }

    /// The thread has come to its end.
    func finish(_ tally: Tally) {
      result.withLock { $0 = tally }
      isReady.store(true, ordering: .releasing)
      isDone.store(true, ordering: .releasing)
    }

    /// The thread could not even begin.
    func fail(_ error: SystemError) {
      var tally = Tally()
      tally.failedToConnect(error)
      finish(tally)
    }
  }

  let lanes: [Lane]
  /// The window that is measured. Requests that are due in it count. Nanoseconds of `CLOCK_MONOTONIC`.
  private let windowStart = Atomic<Int64>(.max)
  private let windowEnd = Atomic<Int64>(.max)

  init(threads: Int) { lanes = (0..<threads).map { _ in Lane() } }

  var measuredFrom: Int64 { windowStart.load(ordering: .relaxed) }
  var end: Int64 { windowEnd.load(ordering: .relaxed) }

  /// Lets the threads begin, at once, and measure from `from` to `end`.
  func start(at now: Int64, measuringFrom from: Int64, to end: Int64) {
    windowStart.store(from, ordering: .relaxed)
    // Not over one that has been cut short meanwhile.
    windowEnd.min(end, ordering: .relaxed)
    for lane in lanes {
      lane.start.withLock {
        $0 = now
        return true
      }
    }
  }

  /// Ends the run now.
  func stop(at now: Int64) { windowEnd.min(now, ordering: .relaxed) }

  /// Waits for the start on the thread of `lane`.
  func awaitStart(_ lane: Lane) -> Int64 {
    lane.isReady.store(true, ordering: .releasing)
    return lane.start.wait { $0 }
  }

  /// What the threads that have ended counted.
  var tally: Tally {
    lanes.reduce(into: Tally()) { total, lane in
      if let tally = lane.result.withLock({ $0 }) { total.add(tally) }
    }
  }

  var isReady: Bool { lanes.allSatisfy { $0.isReady.load(ordering: .acquiring) } }
  var isDone: Bool { lanes.allSatisfy { $0.isDone.load(ordering: .acquiring) } }
  var messages: Int { lanes.reduce(0) { $0 + $1.messages.load(ordering: .relaxed) } }
  var errors: Int { lanes.reduce(0) { $0 + $1.errors.load(ordering: .relaxed) } }
  var open: Int { lanes.reduce(0) { $0 + $1.open.load(ordering: .relaxed) } }
}
