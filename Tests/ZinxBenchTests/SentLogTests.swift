import Testing
import ZinxTestKit

@testable import zinx_bench

@Suite("The log of outstanding requests")
struct SentLogTests {
  @Test("gives the oldest times first")
  func order() {
    var log = SentLog()
    log.append(1, at: 10)
    log.append(1, at: 20)
    #expect(log.take(atMost: 1) == .init(time: 10, count: 1))
    #expect(log.take(atMost: 9) == .init(time: 20, count: 1))
    #expect(log.take(atMost: 1) == nil)
  }

  @Test("keeps requests of one time together, and gives part of them when part was answered")
  func runs() {
    var log = SentLog()
    log.append(3, at: 10)
    log.append(2, at: 10)
    log.append(1, at: 11)
    #expect(log.outstanding == 6)
    #expect(log.take(atMost: 4) == .init(time: 10, count: 4))
    #expect(log.outstanding == 2)
    #expect(log.take(atMost: 4) == .init(time: 10, count: 1))
    #expect(log.take(atMost: 4) == .init(time: 11, count: 1))
    #expect(log.outstanding == 0)
  }

  @Test("gives nothing when nothing is asked for")
  func nothing() {
    var log = SentLog()
    log.append(1, at: 1)
    #expect(log.take(atMost: 0) == nil)
    #expect(log.outstanding == 1)
  }

  @Test("is empty after it was cleared, and can be used again")
  func clear() {
    var log = SentLog()
    for time in 0..<5 { log.append(1, at: Int64(time)) }
    log.removeAll()
    #expect(log.outstanding == 0)
    #expect(log.take(atMost: 1) == nil)
    log.append(2, at: 7)
    #expect(log.take(atMost: 5) == .init(time: 7, count: 2))
  }

  @Test("does what a list of times does, whatever happens", arguments: 0..<20 as Range<UInt64>)
  func model(_ seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var log = SentLog()
    var model: [Int64] = []
    var time: Int64 = 0
    for _ in 0..<500 {
      if random.next() % 2 == 0 {
        time += Int64(random.next() % 2)
        let count = Int(random.next() % 4) + 1
        log.append(count, at: time)
        model += [Int64](repeating: time, count: count)
      } else {
        let limit = Int(random.next() % 6)
        let run = log.take(atMost: limit)
        let expected = model.prefix(limit).prefix { $0 == model.first }
        #expect(run?.count ?? 0 == expected.count)
        if let run { #expect(run.time == model.first) }
        model.removeFirst(expected.count)
      }
      #expect(log.outstanding == model.count)
    }
  }
}

@Suite("The cursor of what has left")
struct SendCursorTests {
  @Test("goes on in the middle of a frame")
  func partial() {
    var cursor = SendCursor()
    cursor.add(3)
    #expect(cursor.pending == 0..<3)
    cursor.advance(15, frameLength: 10)
    #expect(cursor.pending == 1..<3)
    #expect(cursor.offset == 5)
    cursor.advance(5, frameLength: 10)
    #expect(cursor.pending == 2..<3)
    #expect(cursor.offset == 0)
    cursor.advance(10, frameLength: 10)
    #expect(cursor.pending.isEmpty)
    #expect(cursor.begun == 3)
  }

  @Test("ends where it would have ended in one piece, however the bytes are cut", arguments: 1...23)
  func cuts(_ piece: Int) {
    var cursor = SendCursor()
    cursor.add(10)
    var left = 80
    while left > 0 {
      #expect(!cursor.pending.isEmpty)
      let bytes = min(piece, left)
      cursor.advance(bytes, frameLength: 8)
      left -= bytes
    }
    #expect(cursor.pending.isEmpty)
    #expect(cursor.begun == 10)
    #expect(cursor.offset == 0)
  }

  @Test("that stands in a frame sends its rest before what is added")
  func addedLater() {
    var cursor = SendCursor()
    cursor.add(1)
    cursor.advance(3, frameLength: 10)
    cursor.add(1)
    #expect(cursor.pending == 0..<2)
    cursor.advance(17, frameLength: 10)
    #expect(cursor.pending.isEmpty)
  }
}

@Suite("The list of connections with room")
struct FreeListTests {
  @Test("gives back in the order of arrival, each once")
  func order() {
    var list = FreeList(count: 3)
    #expect(list.pop() == nil)
    #expect(list.isEmpty)
    for index in [2, 0, 2, 1, 0] { list.push(index) }
    #expect(!list.isEmpty)
    #expect([list.pop(), list.pop(), list.pop(), list.pop()] == [2, 0, 1, nil])
  }

  @Test("takes back what it gave")
  func again() {
    var list = FreeList(count: 2)
    for _ in 0..<10 {
      list.push(0)
      list.push(1)
      #expect(list.pop() == 0)
      list.push(0)
      #expect([list.pop(), list.pop()] == [1, 0])
    }
  }

  @Test("of nobody is empty")
  func empty() {
    var list = FreeList(count: 0)
    #expect(list.pop() == nil)
  }
}
