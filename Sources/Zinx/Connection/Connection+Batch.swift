import Glibc
import NIOCore
import Synchronization
import ZinxIO
import ZinxWire

/// User code: hooks and batches of requests, one piece at a time, on the connection's worker or its event loop.
extension Connection {
  /// Starts a piece of user code where it belongs. Event loop.
  func start(_ code: UserCode) {
    activity.store(.busy, ordering: .relaxed)
    if let worker { context.submit(code, of: self, to: worker) } else { run(code, on: context.loop, context.cork) }
  }

  /// Runs a piece of user code until it ends or suspends; a piece that suspends goes on as a job of `executor`, the caller's thread.
  func run(_ code: UserCode, on executor: any TaskExecutor, _ cork: Cork) {
    cork.take(self)
    var code = code
    if case .requests(var batch) = code {
      if handleImmediately(&batch) { return userCodeEnded(batch) }
      code = .requests(batch)
    }
    // An immediate task: it runs here and now, and costs no hop.
    let task = Task.immediateDetached(executorPreference: executor) { [code] in
      switch code {
      case .requests(let batch): await self.handle(batch, cork)
      case .startHook: if await !self.server.handler.runStartHooks(self) { self.startHookThrew.store(true, ordering: .relaxed) }
      case .stopHook(let reason): await self.server.handler.runStopHooks(self, reason)
      }
      self.userCodeEnded(code.batch)
      if self.startHookThrew.load(ordering: .relaxed) { self.context.loop.execute { self.advance() } }
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
    // Lengths were checked when the frames were counted; a reload may have lowered the limit since.
    let decoder = FrameDecoder(pack, maxPacketSize: .max)
    let handler = server.handler
    let frames = batch.frames
    var done = 0
    // One request for all: making one for each would count the references of the connection for each.
    var request = Request(connection: self, id: 0, data: frames)
    let isDone = frames.withUnsafeReadableBytes { bytes in
      while !dropsRest.load(ordering: .relaxed), let header = decoder.header(in: bytes, at: done) {
        let end = done + DataPack.headerLength + Int(header.length)
        guard let data = frames.getSlice(at: frames.readerIndex + end - Int(header.length), length: Int(header.length)) else {
          break
        }
        request.id = header.id
        request.data = data
        guard handler.handleImmediately(request) else { return false }
        done = end
      }
      return true
    }
    batch.frames.moveReaderIndex(forwardBy: done)
    return isDone
  }

  private func handle(_ batch: Batch, _ cork: Cork) async {
    var frames = batch.frames
    let decoder = FrameDecoder(pack, maxPacketSize: .max)
    while !dropsRest.load(ordering: .relaxed), let message = try? decoder.next(&frames) {
      // A handler that suspended has let go of the cork.
      if !isCorkedHere { cork.take(self) }
      await server.handler.handle(Request(connection: self, id: message.id, data: message.data))
    }
  }

  private func userCodeEnded(_ batch: Batch?) {
    if isCorkedHere { cork?.takeUnretainedValue().letGo() }
    if let batch {
      server.counters.requestsReceived.count(batch.count)
      worker?.release(batch.count)
    }
    if hasSuspended.load(ordering: .relaxed) {
      hasSuspended.store(false, ordering: .relaxed)
      suspendedTask.withLock { $0 = nil }
    }
    guard activity.exchange(.idle, ordering: .acquiringAndReleasing) == .busyAndAwaited else { return }
    context.loop.execute { self.advance() }
  }

  /// Asks to be told when the running user code ends. Returns false if it has ended already. Event loop.
  func awaitUserCode() -> Bool {
    let (exchanged, current) = activity.compareExchange(
      expected: .busy, desired: .busyAndAwaited, ordering: .acquiringAndReleasing)
    return exchanged || current == .busyAndAwaited
  }
}
