/// Connections that have room for another request, longest waiting first. Holds each at most once.
struct FreeList {
  private var ring: [Int]
  private var first = 0
  private var used = 0
  private var isIn: [Bool]

  /// For connections 0 ..< `count`, none of them in the list.
  init(count: Int) {
    ring = [Int](repeating: 0, count: max(1, count))
    isIn = [Bool](repeating: false, count: count)
  }

  var isEmpty: Bool { used == 0 }

  mutating func push(_ index: Int) {
    guard !isIn[index] else { return }
    isIn[index] = true
    ring[(first + used) % ring.count] = index
    used += 1
  }

  mutating func pop() -> Int? {
    guard used > 0 else { return nil }
    let index = ring[first]
    first = (first + 1) % ring.count
    used -= 1
    isIn[index] = false
    return index
  }
}
