import Synchronization
import ZinxIO

/// Whether connections come too soon after one another (`AcceptRate`). While that is off it costs one load for each connection.
final class Gate: Sendable {
  /// A tenth of a second's worth may come at once: timers are exact to a millisecond, and clients do not come evenly.
  private static let burstsPerSecond = 10

  private let hasRate = Atomic<Bool>(false)
  private let bucket = Mutex<TokenBucket?>(nil)

  init(_ configuration: ServerConfiguration) { apply(configuration) }

  /// Puts the rate into force. Any thread.
  func apply(_ configuration: ServerConfiguration) {
    let rate = configuration.acceptRate
    bucket.withLock { bucket in
      // A reload that changes something else grants no new burst.
      guard rate != Int(bucket?.perSecond ?? 0) else { return }
      bucket = rate > 0 ? TokenBucket(perSecond: Int64(rate), burst: Int64(rate / Self.burstsPerSecond)) : nil
    }
    hasRate.store(rate > 0, ordering: .releasing)
  }

  /// When the next connection may come in; nil means now.
  @inline(__always)
  func opening(at time: @autoclosure () -> Instant) -> Instant? {
    guard hasRate.load(ordering: .acquiring) else { return nil }
    let now = time()
    let next = bucket.withLock { $0?.opening(at: now) } ?? now
    return next > now ? next : nil
  }

  /// A connection has come in.
  @inline(__always)
  func passed(at time: @autoclosure () -> Instant) {
    guard hasRate.load(ordering: .acquiring) else { return }
    let now = time()
    bucket.withLock { _ = $0?.take(at: now) }
  }

  /// `AcceptRate` as it is in force.
  var rate: Int { Int(bucket.withLock { $0?.perSecond } ?? 0) }
}
