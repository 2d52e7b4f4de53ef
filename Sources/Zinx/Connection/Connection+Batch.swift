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
    if let worker { context.submit(code, of: self, to: worker) } else { run(code, context.cork) }
  }

  /// Starts the batch that is staged: on the event loop in place, since to copy the batch counts references. Event loop.
  func startStaged() {
    guard var batch = staged.take() else { return }
    activity.store(.busy, ordering: .relaxed)
    if let worker { context.submit(.requests(batch), of: self, to: worker) } else { run(&batch, context.cork) }
  }

  /// Runs a piece of user code until it ends, suspends, or others have their turn. The thread of `cork`, which goes on with it.
  func run(_ code: UserCode, _ cork: Cork) {
    switch code {
    case .requests(var batch): run(&batch, cork)
    case .startHook:
      runTask(cork) { if await !$0.handler.runStartHooks($0) { $0.startHookThrew.store(true, ordering: .relaxed) } }
    case .stopHook(let reason):
      runTask(isStopHook: true, cork) { await $0.handler.runStopHooks($0, reason) }
    }
  }

  /// Runs a batch as far as no request has to wait; a task goes on with the rest.
  private func run(_ batch: inout Batch, _ cork: Cork) {
    cork.take(self, lender: batch.chunk)
    let outcome = handleImmediately(&batch)
    if unknown > 0 { reportUnknown() }
    // While the batch is there, which lends its data to the cork.
    cork.letGo()
    switch outcome {
    case .done: userCodeEnded(batch.count, cork.traffic)
    case .othersFirst:
      batch.prepareToWait()
      requeue(.requests(batch))
    case .waits(let route):
      batch.prepareToWait()
      let requests = Requests(batch, of: self, first: route, cork)
      runTask(requests, count: batch.count, cork)
    }
  }

  /// What became of a batch.
  private enum Outcome {
    case done
    /// The turn is over.
    case othersFirst
    /// The first request of the rest has to wait; what is left to be run of it.
    case waits(Unmanaged<Route>)
  }

  /// Handles requests as long as none has to wait. `batch` holds the rest.
  private func handleImmediately(_ batch: inout Batch) -> Outcome {
    let bytes = batch.bytes
    // One request for all: making one for each would count the references of connection and chunk for each.
    var request = Request(connection: self, batch)
    var done = 0
    // A batch of one needs no clock.
    let turn = batch.count > 1 ? Turn() : nil
    while !dropsRest.load(ordering: .relaxed), let end = request.take(from: bytes, at: done, pack) {
      if let route = handler.handleImmediately(request) {
        batch.advance(by: done)
        return .waits(route)
      }
      done = end
      if let turn, turn.isOver, done < bytes.count {
        batch.advance(by: done)
        return .othersFirst
      }
    }
    return .done
  }

  /// Goes on with the batch when others have had their turn.
  private func requeue(_ code: UserCode) {
    if let worker { worker.requeue(self, code) } else { loop.execute { [self] in run(code, context.cork) } }
  }

  /// Runs the rest of a batch in a task, until it suspends.
  private func runTask(_ requests: Requests, count: Int, _ cork: Cork) {
    begin(cork) {
      Task.detached(executorPreference: self.executor) {
        await self.handle(requests)
        self.taskEnded(requests: count, cork)
      }
    }
  }

  /// Runs a hook in a task, until it suspends.
  private func runTask(
    isStopHook: Bool = false, _ cork: Cork, _ hook: nonisolated(nonsending) @escaping @Sendable (Connection) async -> Void
  ) {
    begin(isStopHook: isStopHook, cork) {
      Task.detached(executorPreference: self.executor) {
        await hook(self)
        self.taskEnded(requests: 0, cork)
      }
    }
  }

  private func taskEnded(requests: Int, _ cork: Cork) {
    if unknown > 0 { reportUnknown() }
    if isCorkedHere { cork.letGo() }
    userCodeEnded(requests, cork.traffic)
    if startHookThrew.load(ordering: .relaxed) { loop.execute { self.advance() } }
  }

  /// Runs a task until it suspends. It goes on as a job of the same thread.
  private func begin(isStopHook: Bool = false, _ cork: Cork, _ make: () -> Task<Void, Never>) {
    var task: Task<Void, Never>?
    runChain {
      cork.take(self)
      // Its first job is ready at once, so it runs here and now.
      task = make()
    }
    cork.letGo()
    guard let task, activity.load(ordering: .acquiring) != .idle else { return }
    // Suspended. It can go on only on this thread, so it cannot end between the two lines.
    hasSuspended.store(true, ordering: .relaxed)
    suspendedTask.withLock { $0 = task }
    // The connection may have been cut while the code ran; only OnConnStop runs after that.
    if isCut.load(ordering: .relaxed), !isStopHook { task.cancel() }
  }

  private func runChain(_ first: () -> Void) {
    if let worker { worker.runChain(first) } else { loop.runChain(first) }
  }

  private var executor: any TaskExecutor { worker ?? loop }

  nonisolated(nonsending) private func handle(_ requests: Requests) async {
    while true {
      switch requests.next() {
      case .run(let route): await route._withUnsafeGuaranteedRef { $0.all }(requests)
      case .yield: await Task.yield()
      case .end: return
      }
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
