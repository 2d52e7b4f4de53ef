import Synchronization

/// What came to one registered route, from the samples that ``HandlerTimes`` takes: a message that is in none of them costs nothing. Only
/// failures are counted one by one.
///
/// Whoever has a sample takes the lock for some dozen instructions, of any thread.
final class RouteStatistics: Sendable {
  private struct Samples {
    /// Messages in the batches that were looked at.
    var messages: UInt64 = 0
    var handling = LatencyHistogram()
    var queueing = LatencyHistogram()
  }

  private let samples = Mutex(Samples())
  private let failed = Atomic<UInt64>(0)

  func countFailure() { failed.count() }

  /// So many messages were in a batch that was looked at.
  func sampled(messages: Int) { samples.withLock { $0.messages &+= UInt64(clamping: messages) } }

  /// A message was in its handler from one moment to another, in nanoseconds.
  func handled(from begin: Int64, to end: Int64) { samples.withLock { $0.handling.record(end &- begin) } }

  /// So many messages waited for their worker.
  func waited(_ messages: Int, from begin: Int64, to end: Int64) {
    samples.withLock { $0.queueing.record(end &- begin, times: messages) }
  }

  func info(_ ids: MessageIDs, _ plugin: String) -> RouteInfo {
    let (messages, handling, queueing) = samples.withLock { ($0.messages, $0.handling, $0.queueing) }
    return RouteInfo(
      ids: ids, plugin: plugin, messages: messages &* UInt64(HandlerTimes.interval), failures: failed.load(ordering: .relaxed),
      handling: handling.latency, queueing: queueing.latency)
  }
}

/// Messages that have a route, and what came of them since the start.
public struct RouteInfo: Sendable, Hashable {
  /// Of the batches of a thread one in so many is looked at: ``messages`` is an estimate, and times are of these alone.
  public static let sampledOneIn = Int(HandlerTimes.interval)

  public let ids: MessageIDs
  /// The plugin that has registered it; `server` where it is none's.
  public let plugin: String
  /// About how many messages came: those of the sampled batches, times ``sampledOneIn``. They are looked at as they arrive, before
  /// ``RouteRegistrar/beforeRouting(_:)``.
  public let messages: UInt64
  /// Messages whose handler threw, was cancelled at its deadline, or could not decode them; each is counted.
  public let failures: UInt64
  /// Time in the handler, with what that awaits, of the first message of each sampled batch; nil without a sample.
  public let handling: Latency?
  /// Time between event loop and worker, of the messages of sampled batches; nil without workers or without a sample.
  public let queueing: Latency?

  public init(
    ids: MessageIDs, plugin: String, messages: UInt64 = 0, failures: UInt64 = 0, handling: Latency? = nil,
    queueing: Latency? = nil
  ) {
    (self.ids, self.plugin, self.messages, self.failures) = (ids, plugin, messages, failures)
    (self.handling, self.queueing) = (handling, queueing)
  }
}
