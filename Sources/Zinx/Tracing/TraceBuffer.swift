import ZinxIO

/// What a trace has seen and nobody has taken yet: a value without lock, clock or connection. However much comes, it holds and shows no more
/// than its rate, and counts the rest.
struct TraceBuffer {
  let limits: TraceLimits
  private var bucket: TokenBucket
  private var messages: [TracedMessage] = []
  /// Those that were sent from elsewhere while replies are gathered, by connection: they leave after the replies, which come here later.
  private var behind: [UInt64: [TracedMessage]] = [:]
  /// What all of these cost.
  private var waiting = 0
  private var gap = TraceGap()
  /// How many were put in that are shown.
  private(set) var shown = 0
  /// And how many are not, since the beginning.
  private(set) var leftOut = 0

  init(_ limits: TraceLimits) {
    self.limits = limits
    bucket = TokenBucket(perSecond: TraceLimits.bytesPerSecond, burst: TraceLimits.burst)
  }

  /// As many were shown as were asked for.
  var isFull: Bool { limits.count.map { shown >= $0 } ?? false }

  /// What messages may cost at the moment, as ``TraceLimits/cost(_:)`` counts. To be asked before they are copied: under load there is
  /// nothing to be had most of the time.
  mutating func room(at now: Instant) -> Int {
    isFull ? 0 : min(bucket.tokens(at: now), TraceLimits.longestWait - waiting)
  }

  /// Puts messages in, as far as there is still room, and counts the others.
  ///
  /// - Parameters:
  ///   - total: how many there were, those that were not copied included.
  ///   - isBehind: they leave after what is gathered for their connection.
  mutating func add(_ new: [TracedMessage], of total: Int, isBehind: Bool = false, at now: Instant) {
    guard !isFull else { return }
    var taken = 0
    for message in new {
      let cost = limits.cost(message.length)
      guard cost <= room(at: now) else { break }
      bucket.take(cost)
      waiting += cost
      taken += 1
      shown += 1
      if isBehind { behind[message.connection, default: []].append(message) } else { messages.append(message) }
    }
    guard !isFull else { return }
    gap.messages += total - taken
    leftOut += total - taken
  }

  /// What was gathered for a connection is in: what was sent behind it comes next.
  mutating func release(_ connection: UInt64) {
    guard !behind.isEmpty, let rest = behind.removeValue(forKey: connection) else { return }
    messages += rest
  }

  /// Takes what there is, and how much was left out since the last time.
  mutating func take() -> (messages: [TracedMessage], leftOut: TraceGap) {
    defer {
      messages = []
      gap = TraceGap()
      waiting = behind.values.reduce(0) { $0 + $1.reduce(0) { $0 + limits.cost($1.length) } }
    }
    return (messages, gap)
  }
}
