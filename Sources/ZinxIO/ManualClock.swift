import Synchronization

/// A time that stands still until somebody moves it, in place of the kernel's: for tests. Any thread.
package final class ManualClock: Sendable {
  private let nanoseconds: Atomic<Int64>

  package init(at start: Instant = .now) { nanoseconds = Atomic(start.nanoseconds) }

  package var now: Instant { Instant(nanoseconds: nanoseconds.load(ordering: .acquiring)) }

  /// Moves the time to a later moment; to an earlier one it does not go. Loops that go by it have to be woken to notice.
  package func move(to moment: Instant) { nanoseconds.max(moment.nanoseconds, ordering: .releasing) }
}
