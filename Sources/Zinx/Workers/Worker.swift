import CLinux
import Synchronization
import ZinxIO

/// A thread that runs the requests of its connections, batch after batch, and what their handlers resume. Handlers may block it.
final class Worker: TaskExecutor, Sendable {
  private enum Item {
    case job(UnownedJob)
    /// `at`: when it was queued, in nanoseconds, if that is to be timed; else 0.
    case work(Connection, UserCode, at: Int64)
  }

  private struct Queue {
    var items: [Item] = []
    var sleeps = false
    var isStopping = false
  }

  let cork: Cork
  private let queue = Mutex(Queue())
  private let parker = Parker()
  /// Requests handed over and not yet handled; at most `MaxWorkerTaskLen`.
  private let queued = Atomic<Int>(0)
  /// Connections that are not read because the queue was full, oldest first.
  private let waiting = Mutex<[Connection]>([])
  /// When the item that runs now was begun, in nanoseconds; 0 between items.
  private let busySince = Atomic<Int64>(0)
  private let thread = Atomic<UInt>(0)
  private let chain = JobChain()

  init(_ traffic: Traffic) { cork = Cork(traffic, chain) }

  // MARK: Room (event loops)

  /// What one connection gets of the room at once: the others find some too while it is being handled.
  private static func share(of limit: Int) -> Int { max(1, limit / 4) }

  /// Takes room for up to `wanted` requests of one connection; returns for how many, 0 when the queue is full.
  func reserve(_ wanted: Int, limit: Int) -> Int {
    var current = queued.load(ordering: .relaxed)
    while true {
      let granted = min(wanted, limit - current, Self.share(of: limit))
      guard granted > 0 else { return 0 }
      let (done, now) = queued.compareExchange(expected: current, desired: current + granted, ordering: .relaxed)
      if done { return granted }
      current = now
    }
  }

  /// For how many requests of one connection there is room at the moment.
  func room(limit: Int) -> Int { max(0, min(limit - queued.load(ordering: .relaxed), Self.share(of: limit))) }

  /// Asks for `Connection.workerHasRoom()` once there is room.
  func notifyWhenRoom(_ connection: Connection, limit: Int) {
    waiting.withLock { $0.append(connection) }
    // The last request may have ended between the failed reservation and the line above.
    passOn(limit: limit)
  }

  /// Gives room back and tells those who wait for it.
  func release(_ count: Int) {
    queued.wrappingSubtract(count, ordering: .sequentiallyConsistent)
    notify(count)
  }

  /// Requests that were handed over and are not handled yet. Any thread.
  var queuedRequests: Int { queued.load(ordering: .relaxed) }

  /// How many connections wait for room.
  var waitingConnections: Int { waiting.withLock { $0.count } }

  /// Tells the next one if there is room: called by each that was told, which may have left some, or need none any more.
  func passOn(limit: Int) {
    if queued.load(ordering: .sequentiallyConsistent) < limit { notify(1) }
  }

  /// No more than find room: all of them for each request that ends would be the square of their number, and take the processor from
  /// the requests.
  private func notify(_ count: Int) {
    let connections = waiting.withLock { waiting in
      guard !waiting.isEmpty else { return [Connection]() }
      defer { waiting.removeFirst(min(count, waiting.count)) }
      return Array(waiting.prefix(count))
    }
    for connection in connections { connection.workerHasRoom() }
  }

  /// How long the current item has run.
  func busyTime(at now: Instant) -> Duration {
    let since = busySince.load(ordering: .relaxed)
    return since == 0 ? .zero : .nanoseconds(now.nanoseconds - since)
  }

  /// Whether it waits for work and there is none. Any thread.
  var isStill: Bool { queue.withLock { $0.sleeps && $0.items.isEmpty } }

  // MARK: Work

  /// Has the connection go on with its batch after what others have queued. The worker's thread, which looks at its queue next.
  func requeue(_ connection: Connection, _ code: UserCode) { queue.withLock { $0.items.append(.work(connection, code, at: 0)) } }

  /// Queues user code without waking the thread. Returns whether it sleeps and nobody else was told to wake it: then ``wake()`` is due
  /// soon. An event loop that brings work for many workers wakes each once, at the end; woken at once, each would take the processor
  /// from it.
  ///
  /// - Parameter begin: nanoseconds of now, if the time until its begin is to be recorded; else 0.
  func submit(_ connection: Connection, _ code: UserCode, at begin: Int64 = 0) -> Bool {
    queue.withLock { queue in
      queue.items.append(.work(connection, code, at: begin))
      return queue.sleeps && queue.items.count == 1
    }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if isCurrent, chain.take(job) { return }
    queueUp(job)
  }

  private func queueUp(_ job: UnownedJob) {
    let item = Item.job(job)
    wake { $0.items.append(item) }
  }

  /// Whether the caller is on the worker's thread.
  var isCurrent: Bool { thread.load(ordering: .relaxed) == clinux_thread() }

  /// Runs `first`, which may start a task, and what follows from it, for a turn. The worker's thread, and not in a job.
  func runChain(_ first: () -> Void) {
    if let rest = chain.run(on: asUnownedTaskExecutor(), first) { queueUp(rest) }
  }

  func wake() { wake { _ in } }

  /// Changes the queue and wakes the thread if it sleeps.
  private func wake(_ change: (inout Queue) -> Void) {
    let sleeps = queue.withLock { queue in
      change(&queue)
      defer { queue.sleeps = false }
      return queue.sleeps
    }
    if sleeps { parker.unpark() }
  }

  /// Runs until ``stop()``; the calling thread is the worker's.
  func run() {
    thread.store(clinux_thread(), ordering: .relaxed)
    cork.belongsToThisThread()
    var items: [Item] = []
    while takeItems(&items) || cork.runners.end() {
      for item in items {
        let now = Instant.now.nanoseconds
        busySince.store(now, ordering: .relaxed)
        switch item {
        case .work(let connection, let code, let begin):
          if begin != 0 {
            cork.traffic.times.queueing.record(from: begin, to: now)
            connection.recordQueueing(of: code, from: begin, to: now)
          }
          connection.run(code, cork)
        case .job(let job): runChain { job.runSynchronously(on: asUnownedTaskExecutor()) }
        }
        cork.letGo()
        busySince.store(0, ordering: .relaxed)
      }
      // Kept for the next round; but a rush must not keep its memory for ever.
      items.removeAll(keepingCapacity: items.count <= 1024)
    }
  }

  /// Exchanges the empty `items` for what has been queued, which it sleeps for. Returns false at the end.
  private func takeItems(_ items: inout [Item]) -> Bool {
    while true {
      let isStopping = queue.withLock { queue in
        swap(&queue.items, &items)
        if items.isEmpty { queue.sleeps = !queue.isStopping }
        return queue.isStopping
      }
      if !items.isEmpty { return true }
      if isStopping { return false }
      parker.park()
    }
  }

  /// Lets the thread end once its queue is empty.
  func stop() { wake { $0.isStopping = true } }
}
