import Synchronization

/// The memory that messages take which wait for their peers, of all connections of a server together.
final class QueueMemory: Sendable {
  private let sum = Atomic<Int>(0)
  /// One thread at a time looks for what to shed.
  private let isShedding = Atomic<Bool>(false)

  var total: Int { sum.load(ordering: .relaxed) }

  func add(_ bytes: Int) { sum.wrappingAdd(bytes, ordering: .relaxed) }

  /// Has `shed` bring the sum down to seven eighths of `limit` if it is above it: looking at every connection is worth it once for an
  /// eighth of the limit, not for every message. `shed` returns false when it has found nothing.
  func keep(below limit: Int, _ shed: (_ target: Int) -> Bool) {
    while total > limit, !isShedding.exchange(true, ordering: .acquiringAndReleasing) {
      let hasFreed = shed(limit - limit / 8)
      // An exchange, not a store: who came meanwhile and left it to us has added before, and that is looked at next.
      _ = isShedding.exchange(false, ordering: .acquiringAndReleasing)
      guard hasFreed else { return }
    }
  }
}

extension ServerContext {
  /// Closes the connections that keep the most, if all together keep more than `MaxQueueBytes`. Called with no lock held; none is held
  /// while connections are closed.
  func shedIfNeeded() {
    let limit = settings.maxQueueBytes.load(ordering: .relaxed)
    queueMemory.keep(below: limit) { target in
      var (count, bytes) = (0, 0)
      for (connection, memory) in biggestQueues where queueMemory.total > target && connection.shed() {
        count += 1
        bytes += memory
      }
      if count > 0 { emit(.connectionsShed(count: count, bytes: bytes, limit: limit)) }
      return count > 0
    }
  }

  /// The connections that keep something for their peers, those with the most first.
  private var biggestQueues: [(Connection, memory: Int)] {
    connManager.all.lazy
      .map { ($0, memory: $0.queueMemory.load(ordering: .relaxed)) }
      .filter { $0.memory > 0 }
      .sorted { $0.memory > $1.memory }
  }
}
