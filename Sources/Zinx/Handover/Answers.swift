import Glibc
import Synchronization
import ZinxIO

/// What threads answer to one that waits for all of them.
final class Answers<Value: Sendable>: Sendable {
  /// Microseconds between two looks: it waits for what takes as long, and not often.
  private static var pause: UInt32 { 50 }

  private let values: Mutex<[Value?]>
  private let left: Atomic<Int>

  init(_ count: Int) {
    values = Mutex(Array(repeating: nil, count: count))
    left = Atomic(count)
  }

  /// Once for each index. Any thread.
  func give(_ value: Value, at index: Int) {
    values.withLock { $0[index] = value }
    left.subtract(1, ordering: .releasing)
  }

  /// Blocks until all are there; nil when the time is over before.
  func take(within time: Duration) -> [Value]? {
    let deadline = Instant.now.advanced(byNanoseconds: time.inNanoseconds)
    while left.load(ordering: .acquiring) > 0 {
      guard Instant.now < deadline else { return nil }
      usleep(Self.pause)
    }
    return values.withLock { $0.compactMap { $0 } }
  }
}

/// The connections of each event loop whose handlers have not ended. Each loop looks after its own.
final class Pending: Sendable {
  private let groups: Mutex<[[Connection]]>

  init(of groups: [[Connection]]) { self.groups = Mutex(groups) }

  /// Leaves out those that have ended. Returns how many are left. The loop of that index.
  func settle(_ index: Int) -> Int {
    let group = groups.withLock { $0[index] }.filter(\.isAtWork)
    groups.withLock { $0[index] = group }
    return group.count
  }

  func forEach(of index: Int, _ body: (Connection) -> Void) { groups.withLock { $0[index] }.forEach(body) }
}
