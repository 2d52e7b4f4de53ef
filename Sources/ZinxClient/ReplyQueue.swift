/// Which request a message answers. A server answers the requests of one connection in the order in which they came, so a message
/// belongs to the oldest request that expects its id.
///
/// A request that was given up still claims its reply: without a number in the protocol, a late answer would otherwise pass for the
/// answer to the next request. But a server may also leave a request unanswered (its handler failed); then the claim takes the reply
/// of the request after it, which waits in vain. When that one times out, the claim counts as settled, and the two are in step again.
struct ReplyQueue<Waiter> {
  private struct Entry {
    let ticket: UInt64
    /// Nil once the request was given up.
    var waiter: Waiter?
    /// A reply went to an abandoned request while this one waited.
    var isOvertaken = false
  }

  enum Match {
    /// Nobody expects the message.
    case none
    /// The answer to a request that was given up.
    case late
    case reply(Waiter)
  }

  /// Requests for one id, waiting or given up, beyond which those given up are forgotten, the oldest first.
  private static var claimLimit: Int { 1024 }

  private var entries: [UInt32: [Entry]] = [:]
  private var ids: [UInt64: UInt32] = [:]

  /// Requests that somebody waits for.
  var count: Int { ids.count }

  mutating func expect(_ id: UInt32, _ ticket: UInt64, _ waiter: Waiter) {
    entries[id, default: []].append(Entry(ticket: ticket, waiter: waiter))
    ids[ticket] = id
  }

  /// Takes out the request that a message with this id answers.
  mutating func match(_ id: UInt32) -> Match {
    guard var queue = entries[id], !queue.isEmpty else { return .none }
    let entry = queue.removeFirst()
    if entry.waiter == nil { for index in queue.indices { queue[index].isOvertaken = true } }
    entries[id] = queue.isEmpty ? nil : queue
    ids[entry.ticket] = nil
    return entry.waiter.map(Match.reply) ?? .late
  }

  /// Gives a request up after its time. Returns nil when it was answered before.
  mutating func timeOut(_ ticket: UInt64) -> Waiter? { giveUp(ticket) { !$0.isOvertaken } }

  /// Gives a request up that was sent, at the wish of who waits.
  mutating func cancel(_ ticket: UInt64) -> Waiter? { giveUp(ticket) { _ in true } }

  /// Forgets a request that has not been sent: no reply will come.
  mutating func withdraw(_ ticket: UInt64) -> Waiter? { giveUp(ticket) { _ in false } }

  /// Takes out everybody who waits, oldest first.
  mutating func removeAll() -> [Waiter] {
    let waiting = entries.values.joined().sorted { $0.ticket < $1.ticket }.compactMap(\.waiter)
    entries = [:]
    ids = [:]
    return waiting
  }

  private mutating func giveUp(_ ticket: UInt64, leavingClaim: (Entry) -> Bool) -> Waiter? {
    guard let id = ids.removeValue(forKey: ticket), var queue = entries[id],
      let index = queue.firstIndex(where: { $0.ticket == ticket })
    else { return nil }
    let entry = queue[index]
    if leavingClaim(entry) { queue[index].waiter = nil } else { queue.remove(at: index) }
    // A server that never answers this id must not make the claims pile up.
    if queue.count > Self.claimLimit, let oldest = queue.firstIndex(where: { $0.waiter == nil }) { queue.remove(at: oldest) }
    entries[id] = queue.isEmpty ? nil : queue
    return entry.waiter
  }
}
