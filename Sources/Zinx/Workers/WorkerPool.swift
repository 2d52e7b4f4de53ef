import Synchronization
import ZinxIO

/// The workers of a server. A connection's requests all run on one of them.
final class WorkerPool: Sendable {
  let workers: [Worker]
  private let threads = Mutex<[Thread]>([])

  init(size: Int, _ counters: Counters) { workers = (0..<size).map { _ in Worker(counters.traffic()) } }

  /// The worker of a connection; nil without workers (`WorkerPoolSize` 0).
  func worker(for connectionID: UInt64) -> Worker? { index(for: connectionID).map { workers[$0] } }

  /// Its number, from 0.
  func index(for connectionID: UInt64) -> Int? {
    workers.isEmpty ? nil : Int(connectionID % UInt64(workers.count))
  }

  func start() throws(SystemError) {
    for (index, worker) in workers.enumerated() {
      let thread = try Thread {
        nameThread("zinx-worker-\(index)")
        worker.run()
      }
      threads.withLock { $0.append(thread) }
    }
  }

  /// Tells every worker to end and does not wait: a handler may block its worker for as long as it likes.
  func stop() {
    for worker in workers { worker.stop() }
  }
}
