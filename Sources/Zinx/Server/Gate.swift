import Synchronization
import ZinxIO

/// What is asked of a connection beside the limits of how many: may its address come in (`Allow`, `Deny`), and does it come too soon
/// after others (`AcceptRate`). While an option is off it costs one load for each connection.
final class Gate: Sendable {
  /// A tenth of a second's worth may come at once: timers are exact to a millisecond, and clients do not come evenly.
  private static let burstsPerSecond = 10

  private let hasRules = Atomic<Bool>(false)
  private let rules = Mutex(AccessRules())
  private let hasRate = Atomic<Bool>(false)
  private let bucket = Mutex<TokenBucket?>(nil)

  init(_ configuration: ServerConfiguration) { apply(configuration) }

  /// Puts the settings into force. Any thread.
  func apply(_ configuration: ServerConfiguration) {
    let (allow, deny, rate) = (configuration.allow, configuration.deny, configuration.acceptRate)
    rules.withLock { $0 = AccessRules(allow: allow, deny: deny) }
    hasRules.store(!allow.isEmpty || !deny.isEmpty, ordering: .releasing)
    bucket.withLock { bucket in
      // A reload that changes something else grants no new burst.
      guard rate != Int(bucket?.perSecond ?? 0) else { return }
      bucket = rate > 0 ? TokenBucket(perSecond: Int64(rate), burst: Int64(rate / Self.burstsPerSecond)) : nil
    }
    hasRate.store(rate > 0, ordering: .releasing)
  }

  /// Why the lists keep a peer out; nil lets it in. One without an address, on a local socket, is let in: files guard that.
  @inline(__always)
  func refusal(of peer: SocketAddress) -> RefusalReason? {
    guard hasRules.load(ordering: .acquiring), let address = peer.ip else { return nil }
    return rules.withLock { $0.refusal(of: address) }
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
