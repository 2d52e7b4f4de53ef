import Glibc
import Synchronization
import Testing
import ZinxIO

/// The kernel gives a number away again the moment it is closed. `dup2` closes a number and opens another descriptor under it in
/// one step, so these tests need no luck, and no other test can get the number in between.
@Suite("EventLoop: reuse of descriptor numbers", .timeLimit(.minutes(1)))
struct DescriptorReuseTests {
  @Test("an event fetched for an old descriptor never reaches the new one that has its number")
  func staleEvent() async throws {
    for _ in 0..<20 {
      let old = [try Pair.pipe(), try Pair.pipe()]
      let new = try Pair.pipe()
      let probe = Probe<String>()
      try await withLoop { loop in
        let newcomer = Handler { _ in probe.report("new") }
        // Both are ready in the same wait. Whichever is told first replaces the other, whose event is then a stale one.
        let handlers = (0..<2).map { index in
          Handler { _ in
            take(old[index].near)
            let number = old[1 - index].near
            loop.forget(number)
            dup2(new.near, number)
            do { try loop.register(number, for: .readable, newcomer) } catch { Issue.record(error) }
            probe.report("old \(index), new \(1 - index)")
          }
        }
        try await loop.call {
          for index in 0..<2 {
            poke(old[index].far)
            try loop.register(old[index].near, for: .readable, handlers[index])
          }
        }
        let first = try await probe.next()
        try await loop.settle()
        #expect(probe.all == [first])
        poke(new.far)
        try await #expect(probe.next() == "new")
        try await loop.call { for pair in old { loop.forget(pair.near) } }
        // Read it, or the loop is told again until it ends.
        take(new.near)
      }
    }
  }

  @Test("a stale hang-up does not reach the new descriptor either")
  func staleHangUp() async throws {
    let first = try Pair.pipe()
    let old = try Pair.sockets()
    let new = try Pair.sockets()
    let probe = Probe<String>()
    try await withLoop { loop in
      let oldHandler = Handler { _ in probe.report("old") }
      let newHandler = Handler { _ in probe.report("new") }
      let replacing = Handler { _ in
        take(first.near)
        loop.forget(old.near)
        dup2(new.near, old.near)
        do { try loop.register(old.near, for: .readable, newHandler) } catch { Issue.record(error) }
        probe.report("replaced")
      }
      try await loop.call {
        // Ready first, so told first: epoll keeps its ready list in order.
        poke(first.far)
        try loop.register(first.near, for: .readable, replacing)
        shutdown(old.near, Int32(SHUT_RDWR))
        try loop.register(old.near, for: .readable, oldHandler)
      }
      try await #expect(probe.next() == "replaced")
      try await loop.settle()
      #expect(probe.all == ["replaced"])
    }
  }

  @Test("a handler that closes itself and opens another under its number is told no more, the other is")
  func replacesItself() async throws {
    let old = try Pair.pipe()
    let new = try Pair.pipe()
    let probe = Probe<String>()
    try await withLoop { loop in
      let newHandler = Handler { _ in
        take(old.near)
        probe.report("new")
      }
      let oldHandler = Handler { _ in
        loop.forget(old.near)
        dup2(new.near, old.near)
        do { try loop.register(old.near, for: .readable, newHandler) } catch { Issue.record(error) }
        probe.report("old")
      }
      try await loop.call { try loop.register(old.near, for: .readable, oldHandler) }
      poke(old.far)
      try await #expect(probe.next() == "old")
      for _ in 0..<3 {
        poke(new.far)
        try await #expect(probe.next() == "new")
      }
    }
    #expect(probe.all == ["old", "new", "new", "new"])
  }

  @Test("a number can be taken over many times, and always belongs to the last")
  func manyTimes() async throws {
    let pair = try Pair.pipe()
    let successors = try (0..<100).map { _ in try Pair.pipe() }
    let probe = Probe<Int>()
    try await withLoop { loop in
      for (round, successor) in successors.enumerated() {
        let handler = Handler { _ in
          take(pair.near)
          probe.report(round)
        }
        try await loop.call {
          if round > 0 { loop.forget(pair.near) }
          dup2(successor.near, pair.near)
          try loop.register(pair.near, for: .readable, handler)
        }
        poke(successor.far)
        try await #expect(probe.next() == round)
      }
    }
  }
}
