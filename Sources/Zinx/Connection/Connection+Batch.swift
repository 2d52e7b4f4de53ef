import Glibc
import NIOCore
import Synchronization
import ZinxIO
import ZinxWire

/// User code: hooks and batches of requests, one piece at a time, on the connection's worker or its event loop.
extension Connection {
  /// Messages without a route that are told of each batch: enough to see what a client gets wrong.
  private static let unknownTold = 4

  /// Starts a piece of user code where it belongs. Event loop.
  func start(_ code: UserCode) {
    activity.store(.busy, ordering: .relaxed)
    if let worker { context.submit(code, of: self, to: worker) } else { run(code, on: loop, context.cork) }
  }

  /// Starts the batch that is staged: on the event loop in place, since to copy the batch counts references. Event loop.
  func startStaged() {
    guard var batch = staged.take() else { return }
    activity.store(.busy, ordering: .relaxed)
    if let worker { return context.submit(.requests(batch), of: self, to: worker) }
    let isDone = runImmediately(&batch, context.cork)
    if !isDone { runTask(.requests(batch), on: loop, context.cork) }
  }

  /// Runs a piece of user code until it ends or suspends; a piece that suspends goes on as a job of `executor`, the caller's thread.
  func run(_ code: UserCode, on executor: any TaskExecutor, _ cork: Cork) {
    guard case .requests(var batch) = code else { return runTask(code, on: executor, cork) }
    let isDone = runImmediately(&batch, cork)
    if !isDone { runTask(.requests(batch), on: executor, cork) }
  }

  /// Runs a batch as far as no request has to wait. Returns whether that was all of it; `batch` holds the rest.
  private func runImmediately(_ batch: inout Batch, _ cork: Cork) -> Bool {
    cork.take(self, lender: batch.chunk)
    let isDone = handleImmediately(&batch)
    if unknown > 0 { reportUnknown() }
    // While the batch is there, which lends its data to the cork.
    cork.letGo()
    if isDone { userCodeEnded(batch.count, cork.traffic) } else { batch.prepareToWait() }
    return isDone
  }

  private func runTask(_ code: UserCode, on executor: any TaskExecutor, _ cork: Cork) {
    cork.take(self)
    // An immediate task: it runs here and now, and costs no hop.
    let task = Task.immediateDetached(executorPreference: executor) { [code] in
      switch code {
      case .requests(let batch): await self.handle(batch, cork)
      case .startHook: if await !self.handler.runStartHooks(self) { self.startHookThrew.store(true, ordering: .relaxed) }
      case .stopHook(let reason): await self.handler.runStopHooks(self, reason)
      }
      if self.unknown > 0 { self.reportUnknown() }
      if self.isCorkedHere { cork.letGo() }
      self.userCodeEnded(code.batch?.count ?? 0, cork.traffic)
      if self.startHookThrew.load(ordering: .relaxed) { self.loop.execute { self.advance() } }
    }
    guard activity.load(ordering: .acquiring) != .idle else { return }
    // Suspended. It can go on only on this thread, so it cannot end between the two lines.
    hasSuspended.store(true, ordering: .relaxed)
    suspendedTask.withLock { $0 = task }
    // The connection may have been cut while the code ran; only OnConnStop runs after that.
    if isCut.load(ordering: .relaxed), !code.isStopHook { task.cancel() }
    cork.letGo()
  }

  /// Handles requests as long as none has to wait. Returns whether all are done; `batch` holds the rest.
  private func handleImmediately(_ batch: inout Batch) -> Bool {
    let bytes = batch.bytes
    // One request for all: making one for each would count the references of connection and chunk for each.
    var request = Request(connection: self, batch)
    var done = 0
    while !dropsRest.load(ordering: .relaxed), let end = request.take(from: bytes, at: done, pack) {
      guard handler.handleImmediately(request) else {
        batch.advance(by: done)
        return false
      }
      done = end
    }
    return true
  }

  private func handle(_ batch: Batch, _ cork: Cork) async {
    var request = Request(connection: self, batch)
    var done = 0
    while !dropsRest.load(ordering: .relaxed), let end = request.take(from: batch.bytes, at: done, pack) {
      // A handler that suspended has let go of the cork.
      if !isCorkedHere { cork.take(self) }
      await handler.handle(request)
      done = end
    }
  }

  /// Counts a message of the running batch that has no route. Returns whether it is one of the first, which are told: the rest of a
  /// flood is counted with the batch, and costs less than an answer. The thread that runs the batch.
  func countUnknown() -> Bool {
    unknown += 1
    return unknown <= Self.unknownTold
  }

  /// Adds to the counter of all connections, before the replies of the batch leave: who has one finds the count.
  private func reportUnknown() {
    server.counters.unknownMessages.count(unknown)
    unknown = 0
  }

  /// User code, which handled this many requests, has ended and let go of the cork. `traffic`: that of its thread.
  private func userCodeEnded(_ requests: Int, _ traffic: Traffic) {
    if requests > 0 {
      traffic.requestsReceived.countAlone(requests)
      worker?.release(requests)
    }
    if hasSuspended.load(ordering: .relaxed) {
      hasSuspended.store(false, ordering: .relaxed)
      suspendedTask.withLock { $0 = nil }
    }
    guard endActivity() == .busyAndAwaited else { return }
    loop.execute { self.advance() }
  }

  /// Returns what the activity was.
  private func endActivity() -> Activity {
    guard worker == nil else { return activity.exchange(.idle, ordering: .acquiringAndReleasing) }
    // On the event loop, which is also who asks to be told: nobody can ask in between.
    defer { activity.store(.idle, ordering: .relaxed) }
    return activity.load(ordering: .relaxed)
  }

  /// Asks to be told when the running user code ends. Returns false if it has ended already. Event loop.
  func awaitUserCode() -> Bool {
    let (exchanged, current) = activity.compareExchange(
      expected: .busy, desired: .busyAndAwaited, ordering: .acquiringAndReleasing)
    return exchanged || current == .busyAndAwaited
  }
}
