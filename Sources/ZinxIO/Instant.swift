import CLinux
import Glibc

/// A point of `CLOCK_MONOTONIC`, in nanoseconds. Cheaper to compare and add than the clocks of the standard library, whose `Duration`
/// is 128 bits wide.
///
/// The type is public, and what it can do is not: what is `@inlinable package` is inlined into other modules only if its type is public
/// (Swift 6.3). So are the others here that are asked for every message. No product has this module, so none of them is offered.
public struct Instant: Sendable, Hashable, Comparable {
  public var nanoseconds: Int64

  @inlinable package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  package static var now: Instant { read(CLOCK_MONOTONIC) }

  /// ``now`` as of the kernel's last tick, a few milliseconds ago at most: a fraction of the price, as no counter is read.
  package static var coarse: Instant { read(CLOCK_MONOTONIC_COARSE) }

  @inline(__always)
  private static func read(_ clock: clockid_t) -> Instant {
    var time = timespec()
    clock_gettime(clock, &time)
    return Instant(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
  }

  /// A moment that never comes.
  @inlinable package static var distantFuture: Instant { Instant(nanoseconds: .max) }

  @inlinable public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

  /// The earlier of two: `min` stays generic across modules, and costs ten times as much.
  @inlinable @inline(__always)
  package func orEarlier(_ other: Instant) -> Instant { nanoseconds <= other.nanoseconds ? self : other }

  /// Saturates instead of overflowing.
  @inlinable package func advanced(byNanoseconds delta: Int64) -> Instant {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(delta)
    guard overflow else { return Instant(nanoseconds: sum) }
    return Instant(nanoseconds: delta < 0 ? .min : .max)
  }
}

extension Duration {
  /// The whole duration in nanoseconds, saturated at the ends of `Int64` (292 years).
  package var inNanoseconds: Int64 { Int64(clamping: attoseconds / 1_000_000_000) }
}
