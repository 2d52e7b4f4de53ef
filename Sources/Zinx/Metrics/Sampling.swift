import ZinxIO

/// How long handlers take, and how long their requests waited for a worker. Looking at the clock for each message would cost more than to
/// move it, so one in ``interval`` is timed.
package final class HandlerTimes: Sendable {
  /// Of so many batches, or pieces of work for workers, of one thread one is timed. A prime: what comes in rounds of a round number is not
  /// hit at one place again and again.
  package static let interval: Int32 = 67

  /// Upper bounds in seconds, for the quick and for those that block.
  package static let bounds = [
    0.000_001, 0.000_005, 0.000_025, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10,
  ]

  /// The first request of a batch, from the look-up of its route until its handler has returned, with what that awaits.
  package let handling = PluginHistogram(bounds)
  /// A batch, from when it was handed to a worker until that began with it. Without workers there is none.
  package let queueing = PluginHistogram(bounds)

  package init() {}
}

extension PluginHistogram {
  /// Records the time since a moment, in nanoseconds.
  func record(from begin: Int64, to end: Int64) { record(Double(max(0, end &- begin)) / 1e9) }
}

/// Says of a thread's batches which to time.
struct SampleTurn {
  private var left = HandlerTimes.interval

  /// Whether this one is to be timed.
  @inline(__always)
  mutating func isDue() -> Bool {
    left &-= 1
    guard left <= 0 else { return false }
    left = HandlerTimes.interval
    return true
  }
}
