import DequeModule
import Glibc
import ZinxIO

/// NIOCore, which lends us `ByteBuffer`, has a type of this name too.
typealias EventLoop = ZinxIO.EventLoop

/// What the connections of one event loop share: its buffers and its cork, so that an idle connection has none.
///
/// Unchecked: touched on the loop's thread only, but for what says that any thread may call it.
final class LoopContext: @unchecked Sendable {
  /// Pieces of work for sleeping workers after which these are woken.
  private static let wakeAfter = 64
  /// How long outboxes are written at the end of one wake-up, in nanoseconds. The rest comes after the next look at the descriptors.
  private static let flushTime: Int64 = 500_000
  /// How long handshakes go on at the end of one wake-up, in nanoseconds, beyond the first. One with full keys takes longer: whoever is in
  /// waits for one and no more.
  private static let handshakeTime: Int64 = 100_000

  let loop: EventLoop
  let cork: Cork
  /// That of the cork.
  let traffic: Traffic
  @exclusivity(unchecked) var received = ReceiveBuffer()
  @exclusivity(unchecked) private var sealedChunk: Chunk?
  /// Those who are not connections yet, by their descriptors.
  @exclusivity(unchecked) var arrivals: [Int32: Arrival] = [:]
  /// Those of them that have a step of a handshake to make, oldest first.
  @exclusivity(unchecked) private var toShake = Deque<Arrival>()
  /// Workers have got something since the last handshake.
  @exclusivity(unchecked) private var hasHandedOver = false
  /// The headers that have ended connections which are not closed yet, by their ids.
  @exclusivity(unchecked) var refusals: [UInt64: WireFault] = [:]
  @exclusivity(unchecked) private var toFlush: [Connection] = []
  /// How many of them, from the front, are done.
  @exclusivity(unchecked) private var flushed = 0
  /// Sleeping workers that have got work.
  @exclusivity(unchecked) private var toWake: [Worker] = []

  init(_ loop: EventLoop, _ traffic: Traffic) {
    self.loop = loop
    self.traffic = traffic
    cork = Cork(traffic, loop.chain)
    loop.execute { [cork] in cork.belongsToThisThread() }
    loop.setHooks(
      afterJob: { [cork] in cork.letGo() }, afterWake: { self.endOfWakeUp() }, atEnd: { [cork] in _ = cork.runners.end() })
  }

  /// Closes the sockets that are not connections yet. Returns once that is done. Any thread.
  func closeArrivals() async {
    await withCheckedContinuation { done in
      loop.execute {
        self.drainArrivals()
        done.resume()
      }
    }
  }

  /// The same, on the loop.
  func drainArrivals() { for arrival in Array(arrivals.values) { arrival.drain() } }

  /// Where sealed bytes are received: what they hold is no longer than they are, and goes on to ``received``. Made when TLS is first used.
  var sealed: Chunk {
    if let sealedChunk { return sealedChunk }
    let chunk = Chunk(capacity: 64 << 10)
    sealedChunk = chunk
    return chunk
  }

  /// Has the connection's outbox written at the end of this wake-up, or of the next one. Any thread.
  func scheduleFlush(_ connection: Connection) {
    if loop.isCurrent { toFlush.append(connection) } else { loop.execute { self.toFlush.append(connection) } }
  }

  /// The same for many.
  func scheduleFlush(_ connections: [Connection]) {
    if loop.isCurrent { toFlush += connections } else { loop.execute { self.toFlush += connections } }
  }

  /// Hands user code to a worker, which is woken at the end of this wake-up, or earlier when there is much to do.
  func submit(_ code: UserCode, of connection: Connection, to worker: Worker) {
    let begin = cork.queueTurn.isDue() ? Instant.now.nanoseconds : 0
    hasHandedOver = true
    guard worker.submit(connection, code, at: begin) else { return }
    toWake.append(worker)
    if toWake.count >= Self.wakeAfter { wakeWorkers() }
  }

  /// Whether there is nothing to do beside what asks, on the loop: see `EventLoop.isStill`.
  var isStill: Bool { toShake.isEmpty && toFlush.isEmpty && toWake.isEmpty && loop.isStill }

  /// Has an arrival go on with its handshake at the end of this wake-up or of a later one.
  func scheduleHandshake(_ arrival: Arrival) { toShake.append(arrival) }

  private func endOfWakeUp() {
    if !toWake.isEmpty { wakeWorkers() }
    if !toFlush.isEmpty { flushScheduled() }
    // Behind everything that somebody waits for.
    if !toShake.isEmpty { shakeHands() }
  }

  private func shakeHands() {
    // A loop that does not sleep has its processor for milliseconds: who waits for a worker there would wait for as long.
    if hasHandedOver { sched_yield() }
    hasHandedOver = false
    let deadline = loop.time.advanced(byNanoseconds: Self.handshakeTime)
    while let arrival = toShake.popFirst() {
      arrival.takeTurn()
      if loop.time >= deadline { break }
    }
    // The loop does not sleep before the rest have had their turns, nor before what those who are in have to do.
    if !(toShake.isEmpty && toWake.isEmpty && toFlush.isEmpty) { loop.execute {} }
  }

  private func wakeWorkers() {
    for worker in toWake { worker.wake() }
    toWake.removeAll(keepingCapacity: true)
  }

  private func flushScheduled() {
    // One is what most wake-ups have: no look at the clock for it.
    let deadline = toFlush.count > 1 ? Instant.now.advanced(byNanoseconds: Self.flushTime) : .distantFuture
    while flushed < toFlush.count {
      toFlush[flushed].flushOutbox()
      flushed += 1
      if flushed < toFlush.count, Instant.now >= deadline { return flushRestLater() }
    }
    flushed = 0
    toFlush.removeAll(keepingCapacity: toFlush.count <= 1024)
  }

  private func flushRestLater() {
    // Those that are done go when they are the most: moving the others each time would cost more than to keep them.
    if flushed > toFlush.count / 2 {
      toFlush.removeFirst(flushed)
      flushed = 0
    }
    // The loop does not sleep before.
    loop.execute {}
  }
}
