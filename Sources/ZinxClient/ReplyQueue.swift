import NIOCore

/// Which request a message answers. A server answers the requests of one connection in the order in which they came, so a message
/// belongs to the oldest request that expects its id.
///
/// A request that was given up still claims its reply: without a number in the protocol, a late answer would otherwise pass for the
/// answer to the next request. But a server may also leave a request unanswered (its handler failed); then the claim takes the reply
/// of the request after it, which waits in vain. When that one times out, the claim counts as settled, and the two are in step again.
///
/// No call takes longer for more requests that are under way.
struct ReplyQueue<Waiter> {
  enum Match {
    /// Nobody expects the message.
    case none
    /// The answer to a request that was given up.
    case late
    case reply(Waiter)
  }

  /// The requests for one id.
  fileprivate struct Line {
    /// In the order of sending; also of requests that are over, until their turn comes.
    var tickets = CircularBuffer<UInt64>()
    var waiting = 0
    /// Those that were given up, oldest first.
    var claims: [UInt64] = []
    /// A reply went to a claim while the requests up to this one waited.
    var overtaken: UInt64?
  }

  /// Claims for one id, beyond which the oldest are forgotten: a server that never answers it must not make them pile up.
  private static var claimLimit: Int { 1024 }
  /// Tickets of requests that are over, beyond which they are taken out as soon as they outnumber the others.
  private static var slack: Int { 64 }

  private var lines: [UInt32: Line] = [:]
  private var waiting: [UInt64: (id: UInt32, waiter: Waiter)] = [:]

  /// Requests that somebody waits for.
  var count: Int { waiting.count }

  /// `ticket` is greater than all before.
  mutating func expect(_ id: UInt32, _ ticket: UInt64, _ waiter: Waiter) {
    lines[id, default: Line()].tickets.append(ticket)
    lines[id]?.waiting += 1
    waiting[ticket] = (id, waiter)
  }

  /// Takes out the request that a message with this id answers.
  mutating func match(_ id: UInt32) -> Match {
    while let ticket = lines[id]?.tickets.popFirst() {
      if let found = waiting.removeValue(forKey: ticket) {
        lines[id]?.waiting -= 1
        dropLineIfEmpty(id)
        return .reply(found.waiter)
      }
      if lines[id]?.settle(ticket) == true {
        dropLineIfEmpty(id)
        return .late
      }
    }
    lines[id] = nil
    return .none
  }

  /// Gives a request up after its time. Returns nil when it was answered before.
  mutating func timeOut(_ ticket: UInt64) -> Waiter? { giveUp(ticket) { overtaken in overtaken.map { $0 < ticket } ?? true } }

  /// Gives a request up that was sent, at the wish of who waits.
  mutating func cancel(_ ticket: UInt64) -> Waiter? { giveUp(ticket) { _ in true } }

  /// Forgets a request that has not been sent: no reply will come.
  mutating func withdraw(_ ticket: UInt64) -> Waiter? { giveUp(ticket) { _ in false } }

  /// Takes out everybody who waits, oldest first.
  mutating func removeAll() -> [Waiter] {
    defer { (lines, waiting) = ([:], [:]) }
    return waiting.sorted { $0.key < $1.key }.map(\.value.waiter)
  }

  private mutating func giveUp(_ ticket: UInt64, leavingClaim: (_ overtaken: UInt64?) -> Bool) -> Waiter? {
    guard let (id, waiter) = waiting.removeValue(forKey: ticket) else { return nil }
    lines[id]?.waiting -= 1
    if leavingClaim(lines[id]?.overtaken) { lines[id]?.claim(ticket, limit: Self.claimLimit) }
    tidy(id)
    return waiter
  }

  /// Keeps the tickets of requests that are over from piling up behind one that is not.
  private mutating func tidy(_ id: UInt32) {
    let live = lines[id]?.live ?? 0
    guard live > 0 else { return lines[id] = nil }
    guard let count = lines[id]?.tickets.count, count > 2 * live + Self.slack else { return }
    let claims = Set(lines[id]?.claims ?? [])
    lines[id]?.tickets.removeAll { waiting[$0] == nil && !claims.contains($0) }
  }

  private mutating func dropLineIfEmpty(_ id: UInt32) { if lines[id]?.tickets.isEmpty == true { lines[id] = nil } }
}

extension ReplyQueue.Line {
  /// Requests that have not met their reply.
  fileprivate var live: Int { waiting + claims.count }

  /// A reply has come for the oldest request. Returns whether that was given up.
  fileprivate mutating func settle(_ ticket: UInt64) -> Bool {
    guard claims.first == ticket else { return false }
    claims.removeFirst()
    overtaken = tickets.last
    return true
  }

  fileprivate mutating func claim(_ ticket: UInt64, limit: Int) {
    claims.insert(ticket, at: claims.firstIndexInOrder { $0 > ticket })
    if claims.count > limit { claims.removeFirst() }
  }
}
