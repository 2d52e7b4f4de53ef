import NIOCore
import Testing
import ZinxTestKit
import ZinxWire

@testable import ZinxClient

@Suite("The replies that are waited for")
struct ReplyQueueTests {
  private var queue = ReplyQueue<String>()

  private mutating func match(_ id: UInt32) -> String {
    switch queue.match(id) {
    case .none: "none"
    case .late: "late"
    case .reply(let waiter): waiter
    }
  }

  @Test("go to the oldest request that expects their id")
  mutating func inOrder() {
    queue.expect(1, 10, "a")
    queue.expect(2, 11, "b")
    queue.expect(1, 12, "c")
    #expect(match(3) == "none")
    #expect([match(1), match(1), match(1), match(2)] == ["a", "c", "none", "b"])
    #expect(queue.count == 0)
  }

  @Test("are claimed by requests that were given up")
  mutating func late() {
    queue.expect(1, 10, "a")
    #expect(queue.timeOut(10) == "a")
    #expect(queue.timeOut(10) == nil)
    queue.expect(1, 11, "b")
    #expect([match(1), match(1)] == ["late", "b"])
  }

  @Test("are in step again after one that never came")
  mutating func healed() {
    queue.expect(1, 10, "never answered")
    #expect(queue.timeOut(10) != nil)
    queue.expect(1, 11, "b")
    #expect(match(1) == "late")
    #expect(queue.timeOut(11) == "b")
    queue.expect(1, 12, "c")
    #expect(match(1) == "c")
  }

  @Test("are not expected by what was never sent")
  mutating func withdrawn() {
    queue.expect(1, 10, "a")
    queue.expect(1, 11, "b")
    #expect(queue.withdraw(10) == "a")
    #expect(match(1) == "b")
  }

  @Test("are still claimed after a cancellation that overtook them")
  mutating func cancelled() {
    queue.expect(1, 10, "a")
    queue.expect(1, 11, "b")
    #expect(queue.cancel(10) == "a")
    #expect(match(1) == "late")
    #expect(queue.cancel(11) == "b")
    #expect(match(1) == "late")
    #expect(match(1) == "none")
  }

  @Test("fail together in the order of the requests")
  mutating func removeAll() {
    for (ticket, id) in [3, 1, 2, 1].enumerated() { queue.expect(UInt32(id), UInt64(ticket), "\(ticket)") }
    _ = queue.cancel(2)
    #expect(queue.removeAll() == ["0", "1", "3"])
    #expect(match(1) == "none")
  }

  @Test("are claimed by a request that was given up, however many others are under way")
  mutating func lateAmongMany() {
    for ticket in 1...5000 as ClosedRange<UInt64> { queue.expect(1, ticket, "\(ticket)") }
    #expect(queue.timeOut(1) == "1")
    #expect(queue.cancel(3) == "3")
    #expect(queue.withdraw(5000) == "5000")
    #expect([match(1), match(1), match(1), match(1)] == ["late", "2", "late", "4"])
    for ticket in 5..<5000 { #expect(match(1) == "\(ticket)") }
    #expect(match(1) == "none")
    #expect(queue.count == 0)
  }

  @Test("reach who is left, in order, when most of many requests are given up in any order", arguments: [1, 2, 3] as [UInt64])
  mutating func manyGivenUp(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let tickets = Array(1...20_000 as ClosedRange<UInt64>)
    for ticket in tickets { queue.expect(1, ticket, "\(ticket)") }
    let withdrawn = Set(tickets.shuffled(using: &generator).prefix(19_000))
    for ticket in withdrawn { #expect(queue.withdraw(ticket) == "\(ticket)") }
    #expect(queue.count == 1000)
    for ticket in tickets where !withdrawn.contains(ticket) { #expect(match(1) == "\(ticket)") }
    #expect(match(1) == "none")
  }

  @Test("do not pile up when a server never answers")
  mutating func bounded() {
    for ticket in 0..<5000 as Range<UInt64> {
      queue.expect(1, ticket, "a")
      _ = queue.timeOut(ticket)
    }
    queue.expect(1, 9999, "b")
    var lost = 0
    while match(1) == "late" { lost += 1 }
    #expect(lost <= 1024)
  }
}

@Suite("Messages that nobody has taken")
struct UnreadMessagesTests {
  @Test("count with their data and a share for themselves, and come out in order")
  func counts() {
    var unread = UnreadMessages(limit: 200)
    #expect(!unread.isFull)
    unread.append(Message(1, ""))
    unread.append(Message(2, "12345678"))
    #expect(unread.bytes == 136 && !unread.isFull)
    unread.append(Message(3, ""))
    #expect(unread.isFull)
    #expect([unread.popFirst()?.id, unread.popFirst()?.id, unread.popFirst()?.id, unread.popFirst()?.id] == [1, 2, 3, nil])
    #expect(unread.bytes == 0 && !unread.isFull)
  }
}
