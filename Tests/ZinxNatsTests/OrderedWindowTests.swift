import Testing
import ZinxTestKit

@testable import ZinxNats

@Suite("The window of a connection")
struct OrderedWindowTests {
  /// What leaves now.
  private func takeAll(_ window: inout OrderedWindow<Int>) -> [Int] {
    var taken: [Int] = []
    while let next = window.next {
      taken.append(next)
      window.removeNext()
    }
    return taken
  }

  private func open(_ window: inout OrderedWindow<Int>, limit: Int) throws -> UInt64 {
    let ticket = window.open(limit: limit)
    return try #require(ticket)
  }

  @Test func `lets answers leave in the order of the requests`() throws {
    var window = OrderedWindow<Int>()
    var tickets: [UInt64] = []
    for _ in 0..<3 { tickets.append(try open(&window, limit: 3)) }
    window.fill(tickets[2], 2)
    #expect(takeAll(&window) == [])
    window.fill(tickets[0], 0)
    #expect(takeAll(&window) == [0])
    window.fill(tickets[1], 1)
    #expect(takeAll(&window) == [1, 2])
    #expect(window.isEmpty)
  }

  @Test func `takes in no more than its limit, those included that wait for their turn`() throws {
    var window = OrderedWindow<Int>()
    let first = try open(&window, limit: 2)
    let second = try open(&window, limit: 2)
    func isFull() -> Bool { window.open(limit: 2) == nil }
    #expect(isFull())
    window.fill(second, 2)
    #expect(isFull())
    window.fill(first, 1)
    // They have not left.
    #expect(isFull())
    window.removeNext()
    #expect(!isFull())
  }

  @Test func `takes one answer to a request, and none to one that it does not know`() throws {
    var window = OrderedWindow<Int>()
    let ticket = try open(&window, limit: 1)
    let isUnknownTaken = window.fill(ticket + 1, 9)
    #expect(!isUnknownTaken)
    let isFirstTaken = window.fill(ticket, 1)
    #expect(isFirstTaken)
    let isSecondTaken = window.fill(ticket, 2)
    #expect(!isSecondTaken)
    #expect(takeAll(&window) == [1])
    let isLateTaken = window.fill(ticket, 3)
    #expect(!isLateTaken)
  }

  @Test func `removes nothing while the oldest request waits`() throws {
    var window = OrderedWindow<Int>()
    _ = try open(&window, limit: 1)
    window.removeNext()
    #expect(window.count == 1)
  }

  @Test(arguments: 0..<20)
  func `keeps the order whatever the order of the answers is`(seed: Int) throws {
    var random = SplitMix64(seed: UInt64(seed))
    var window = OrderedWindow<Int>()
    var waiting: [(ticket: UInt64, value: Int)] = []
    var (sent, received) = (0, [Int]())
    while received.count < 1000 {
      if sent < 1000, Bool.random(using: &random), let ticket = window.open(limit: 64) {
        waiting.append((ticket, sent))
        sent += 1
      } else if let index = waiting.indices.randomElement(using: &random) {
        let (ticket, value) = waiting.remove(at: index)
        window.fill(ticket, value)
        received += takeAll(&window)
      }
    }
    #expect(received == Array(0..<1000))
    #expect(window.isEmpty)
  }
}
