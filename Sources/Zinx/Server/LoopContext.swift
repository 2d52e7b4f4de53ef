import ZinxIO

/// NIOCore, which lends us `ByteBuffer`, has a type of this name too.
typealias EventLoop = ZinxIO.EventLoop

/// What the connections of one event loop share: its buffers and its cork, so that an idle connection has none.
///
/// Unchecked: touched on the loop's thread only.
final class LoopContext: @unchecked Sendable {
  /// Pieces of work for sleeping workers after which these are woken.
  private static let wakeAfter = 64

  let loop: EventLoop
  let cork: Cork
  /// That of the cork.
  let traffic: Traffic
  @exclusivity(unchecked) var received = ReceiveBuffer()
  /// The headers that have ended connections which are not closed yet, by their ids.
  @exclusivity(unchecked) var refusals: [UInt64: WireFault] = [:]
  @exclusivity(unchecked) private var toFlush: [Connection] = []
  /// Sleeping workers that have got work.
  @exclusivity(unchecked) private var toWake: [Worker] = []

  init(_ loop: EventLoop, _ traffic: Traffic) {
    self.loop = loop
    self.traffic = traffic
    cork = Cork(traffic, loop.chain)
    loop.execute { [cork] in cork.belongsToThisThread() }
    loop.onEach(job: { [cork] in cork.letGo() }, wake: { self.endOfWakeUp() })
  }

  /// Writes the connection's outbox at the end of this wake-up.
  func scheduleFlush(_ connection: Connection) { toFlush.append(connection) }

  /// Hands user code to a worker, which is woken at the end of this wake-up, or earlier when there is much to do.
  func submit(_ code: UserCode, of connection: Connection, to worker: Worker) {
    guard worker.submit(connection, code) else { return }
    toWake.append(worker)
    if toWake.count >= Self.wakeAfter { wakeWorkers() }
  }

  private func endOfWakeUp() {
    if !toWake.isEmpty { wakeWorkers() }
    if !toFlush.isEmpty { flushScheduled() }
  }

  private func wakeWorkers() {
    for worker in toWake { worker.wake() }
    toWake.removeAll(keepingCapacity: true)
  }

  private func flushScheduled() {
    let connections = toFlush
    toFlush.removeAll(keepingCapacity: connections.count <= 1024)
    for connection in connections { connection.flushOutbox() }
  }
}
