@testable import ZinxClient

/// What a client makes of a server's messages: which request each answers. Random requests, answers and time-outs beside a plain list.
@Sendable func fuzzReplies(_ input: Input) {
  var input = input
  var queue = ReplyQueue<UInt64>()
  var model = ReplyModel()
  var next: UInt64 = 0
  while !input.isEmpty {
    let operation = input.byte()
    let id = UInt32(operation >> 3) & 3
    switch operation & 7 {
    case 0, 1:
      queue.expect(id, next, next)
      model.expect(id, next)
      next += 1
    case 2, 3:
      switch queue.match(id) {
      case .none: require(model.match(id) == nil, "a message that somebody expects is a reply")
      case .late: require(model.match(id) == .some(nil), "late is what answers a request that was given up")
      case .reply(let ticket): require(model.match(id) == ticket, "the oldest request gets the reply")
      }
    default:
      // Mostly one of the latest, which are still there.
      let ticket = next &- UInt64(input.byte())
      let (done, expected) =
        switch operation & 7 {
        case 4: (queue.timeOut(ticket), model.giveUp(ticket) { !$0.isOvertaken })
        case 5: (queue.cancel(ticket), model.giveUp(ticket) { _ in true })
        default: (queue.withdraw(ticket), model.giveUp(ticket) { _ in false })
        }
      require(done == expected, "a request is given up once")
    }
    require(queue.count == model.count, "count is of those that wait")
  }
  require(queue.removeAll() == model.waiting, "everybody who waits is told, oldest first")
  require(queue.count == 0, "nobody waits after the end")
}

private struct ReplyModel {
  struct Entry {
    let id: UInt32
    let ticket: UInt64
    var isWaiting: Bool
    var isOvertaken = false
  }

  private var entries: [Entry] = []
  /// Of those that wait.
  private(set) var count = 0

  mutating func expect(_ id: UInt32, _ ticket: UInt64) {
    entries.append(Entry(id: id, ticket: ticket, isWaiting: true))
    count += 1
  }

  var waiting: [UInt64] { entries.filter(\.isWaiting).map(\.ticket) }

  /// Nil: nobody expects it; `.some(nil)`: it answers a request that was given up.
  mutating func match(_ id: UInt32) -> UInt64?? {
    guard let index = entries.firstIndex(where: { $0.id == id }) else { return nil }
    let entry = entries.remove(at: index)
    if entry.isWaiting {
      count -= 1
      return .some(entry.ticket)
    }
    for later in entries.indices where entries[later].id == id { entries[later].isOvertaken = true }
    return .some(nil)
  }

  mutating func giveUp(_ ticket: UInt64, leavesClaim: (Entry) -> Bool) -> UInt64? {
    guard let index = entries.firstIndex(where: { $0.ticket == ticket && $0.isWaiting }) else { return nil }
    let entry = entries[index]
    count -= 1
    if leavesClaim(entry) { entries[index].isWaiting = false } else { entries.remove(at: index) }
    if entries.count - count > 1024, entries.count(where: { $0.id == entry.id && !$0.isWaiting }) > 1024,
      let oldest = entries.firstIndex(where: { $0.id == entry.id && !$0.isWaiting })
    {
      entries.remove(at: oldest)
    }
    return ticket
  }
}
