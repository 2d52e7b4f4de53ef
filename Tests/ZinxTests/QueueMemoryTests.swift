import Testing

@testable import Zinx

@Suite("The memory of all queues")
struct QueueMemoryTests {
  private let memory = QueueMemory()

  /// Lets `keep(below:)` free what `shed` returns each time. Returns the targets it was given.
  private func targets(limit: Int, _ shed: (Int) -> Int) -> [Int] {
    var targets: [Int] = []
    memory.keep(below: limit) { target in
      targets.append(target)
      let freed = shed(target)
      memory.add(-freed)
      return freed > 0
    }
    return targets
  }

  @Test("up to the limit nothing is shed")
  func within() {
    memory.add(800)
    #expect(targets(limit: 800) { _ in 1 } == [])
    #expect(memory.total == 800)
  }

  @Test("a byte above it brings the sum down to seven eighths, so that the next byte does not do it again")
  func above() {
    memory.add(801)
    #expect(targets(limit: 800) { memory.total - $0 } == [700])
    memory.add(100)
    #expect(targets(limit: 800) { _ in 1 } == [])
  }

  @Test("what is queued while some are shed is looked at after them")
  func meanwhile() {
    memory.add(900)
    var more = [300, 50]
    let targets = targets(limit: 800) { target in
      let freed = memory.total - target
      memory.add(more.removeFirst())
      return freed
    }
    #expect(targets == [700, 700])
    #expect(memory.total == 750)
  }

  @Test("who is above the limit while another thread sheds leaves it to that one")
  func oneAtATime() {
    memory.add(900)
    let outer = targets(limit: 800) { target in
      #expect(targets(limit: 800) { _ in 1 } == [])
      return memory.total - target
    }
    #expect(outer == [700])
  }

  @Test("when nothing is left to shed it is given up, until the next byte")
  func nothing() {
    memory.add(900)
    #expect(targets(limit: 800) { _ in 0 } == [700])
    #expect(targets(limit: 800) { _ in 200 } == [700])
  }

  @Test("the smallest and the greatest limit do not overflow", arguments: [0, 1, 7, Int.max])
  func extremes(limit: Int) {
    memory.add(8)
    #expect(targets(limit: limit) { memory.total - $0 }.count == (limit < 8 ? 1 : 0))
  }
}
