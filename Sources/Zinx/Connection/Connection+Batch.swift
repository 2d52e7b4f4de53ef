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
      runTask(.hook(self) { if await !$0.handler.runStartHooks($0) { $0.startHookThrew.store(true, ordering: .relaxed) } }, cork)
    case .stopHook(let reason):
      runTask(.hook(self) { await $0.handler.runStopHooks($0, reason) }, isStopHook: true, cork)
    }
  }

  /// Runs a batch as far as no request has to wait; a task goes on with the rest.
  private func run(_ batch: inout Batch, _ cork: Cork) {
    let room = batch.takeRoom()
    workerRoom += Int32(bitPattern: room)
    cork.take(self, lender: batch.chunk)
    // What is left of a batch that has begun was counted as a part of the whole.
    let outcome = cork.batchTurn.isDue() ? handleTimed(&batch, isNew: room > 0, cork) : handleImmediately(&batch)
    if unknown > 0 { reportUnknown() }
    // While the batch is there, which lends its data to the cork.
    cork.letGo()
    switch outcome {
    case .done: userCodeEnded(batch.count, cork.traffic)
    case .othersFirst:
      batch.prepareToWait()
      requeue(.requests(batch))
    case .waits(let route, let notes, let begin):
      batch.prepareToWait()
      let requests = Requests(batch, of: self, first: route, notes, cork, timedSince: begin)
      runTask(.requests(requests, count: batch.count), cork)
    }
  }

  /// What became of a batch.
  private enum Outcome {
    case done
    /// The turn is over.
    case othersFirst
    /// The first request of the rest has to wait; what is left to be run of it, and when it was begun, if that is timed.
    case waits(Unmanaged<Route>, Request.Notes, begin: Int64 = 0)
  }

  /// Handles requests as long as none has to wait. `batch` holds the rest.
  private func handleImmediately(_ batch: inout Batch) -> Outcome {
    if isForeign { return handleForeignImmediately(&batch) }
    let frames = batch.frames
    // One request for all: making one for each would count the references of connection and chunk for each.
    var request = Request(connection: self, batch)
    // A batch of one needs no clock.
    let turn = batch.count > 1 ? Turn() : nil
    while !dropsRest.load(ordering: .relaxed), request.takeNext(of: frames, pack) {
      if let route = handler.handleImmediately(&request) {
        batch.advance(to: request.begin)
        return .waits(route, request.notes)
      }
      if let turn, turn.isOver, request.end < frames.count {
        batch.advance(to: request.end)
        return .othersFirst
      }
    }
    return .done
  }

  /// The same, and records how long the first request takes; of one that has to wait that is for who goes on with it.
  @inline(never)
  private func handleTimed(_ batch: inout Batch, isNew: Bool, _ cork: Cork) -> Outcome {
    guard !dropsRest.load(ordering: .relaxed) else { return .done }
    if isNew { countSampled(batch) }
    var request = Request(connection: self, batch)
    var frame: FoundFrame?
    if isForeign {
      frame = nextForeign(framing, in: batch.frames, from: batch.start)
      guard let frame else { return .done }
      request.take(frame)
    } else if !request.takeNext(of: batch.frames, pack) {
      return .done
    }
    let arrived = request.id
    let begin = Instant.now.nanoseconds
    if let route = handler.handleImmediately(&request) {
      if frame == nil { batch.advance(to: request.begin) }
      return .waits(route, request.notes, begin: begin)
    }
    let end = Instant.now.nanoseconds
    cork.traffic.times.handling.record(from: begin, to: end)
    handler.statistics(arrivedAs: arrived, request.id)?.handled(from: begin, to: end)
    batch.advance(to: frame?.end ?? request.end)
    return handleImmediately(&batch)
  }

  /// The same for frames of others.
  @inline(never)
  private func handleForeignImmediately(_ batch: inout Batch) -> Outcome {
    let (frames, framing) = (batch.frames, framing)
    var request = Request(connection: self, batch)
    let turn = batch.count > 1 ? Turn() : nil
    while !dropsRest.load(ordering: .relaxed), let frame = nextForeign(framing, in: frames, from: batch.start) {
      request.take(frame)
      if let route = handler.handleImmediately(&request) { return .waits(route, request.notes) }
      batch.advance(to: frame.end)
      if let turn, turn.isOver, frame.end < frames.count { return .othersFirst }
    }
    return .done
  }

  /// The next frame of a batch; nil at its end, or where the frames' codec denies what it has found before, which ends the connection.
  func nextForeign(_ framing: Framing, in frames: UnsafeRawBufferPointer, from position: Int) -> FoundFrame? {
    do throws(WireError) { return try framing.next(in: frames, from: position) } catch {
      stop(as: CloseReason(error))
      return nil
    }
  }

  /// Goes on with the batch when others have had their turn.
  private func requeue(_ code: UserCode) {
    if let worker { worker.requeue(self, code) } else { loop.execute { [self] in run(code, context.cork) } }
  }

  /// Runs work in a task until it suspends. It goes on as a job of the same thread.
  private func runTask(_ work: Runner.Work, isStopHook: Bool = false, _ cork: Cork) {
    let runner = cork.runners.next() ?? Runner(cork)
    runChain {
      cork.take(self)
      // Its first job is ready at once, so it runs here and now.
      runner.begin(work, on: executor)
    }
    cork.letGo()
    guard runner.isBusy, let task = runner.task else { return }
    // Suspended. It can go on only on this thread, so it cannot end between the two lines.
    hasSuspended.store(true, ordering: .relaxed)
    suspendedTask.withLock { $0 = task }
    // The connection may have been cut while the code ran; only OnConnStop runs after that.
    if isCut.load(ordering: .relaxed), !isStopHook { cancelUserCode() }
  }

  /// Cancels user code that is suspended. Who takes the task cancels it, so one that runs for somebody else by now is never hit.
  func cancelUserCode() { suspendedTask.withLock { $0.take() }?.cancel() }

  /// A task has come to the end of its work. Returns whether nobody cancels it.
  func taskEnded(requests: Int, _ cork: Cork) -> Bool {
    if unknown > 0 { reportUnknown() }
    if isCorkedHere { cork.letGo() }
    let isOurs = !hasSuspended.load(ordering: .relaxed) || suspendedTask.withLock { $0.take() } != nil
    hasSuspended.store(false, ordering: .relaxed)
    userCodeEnded(requests, cork.traffic)
    if startHookThrew.load(ordering: .relaxed) { loop.execute { self.advance() } }
    return isOurs
  }

  private func runChain(_ first: () -> Void) {
    if let worker { worker.runChain(first) } else { loop.runChain(first) }
  }

  var executor: any TaskExecutor { worker ?? loop }

  /// Counts a message of the running batch that has no route. Returns whether it is one of the first, which are told: the rest of a
  /// flood is counted with the batch, and costs less than an answer. The thread that runs the batch.
  func countUnknown() -> Bool {
    unknown += 1
    return unknown <= Self.unknownTold
  }

  /// Adds to the counter of all connections, before the replies of the batch leave: who has one finds the count.
  private func reportUnknown() {
    server.counters.unknownMessages.count(Int(unknown))
    unknown = 0
  }

  /// User code, which handled this many requests, has ended and let go of the cork. `traffic`: that of its thread.
  private func userCodeEnded(_ requests: Int, _ traffic: Traffic) {
    if requests > 0 {
      traffic.requestsReceived.countAlone(requests)
      leaveWorkerRoom()
    }
    guard endActivity() == .busyAndAwaited else { return }
    loop.execute { self.advance() }
  }

  /// Gives back the room that the running batch has of its worker. The worker's thread.
  func leaveWorkerRoom() {
    guard let worker, workerRoom > 0 else { return }
    defer { workerRoom = 0 }
    worker.release(Int(workerRoom))
  }

  /// Who waits for this connection's peer to take what was sent to it is not queued on the worker: without this a peer that takes nothing
  /// would keep the others from their worker. Any thread; only the worker's own may touch the room.
  func leaveWorkerRoomToOthers() {
    // Whose code runs here, if it has not waited before; otherwise it is most likely the one that it sends to.
    let sender = Cork.ofThisThread?.holder ?? self
    if let worker = sender.worker, worker.isCurrent { sender.leaveWorkerRoom() }
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
