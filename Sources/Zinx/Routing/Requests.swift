import Synchronization
import ZinxIO
import ZinxWire

/// The requests of a batch while its task handles them, one after the other.
///
/// Unchecked: one task has it, which is on one thread at a time.
@usableFromInline
final class Requests: @unchecked Sendable {
  /// What the task does next.
  private enum Step {
    /// Runs a route that has to wait.
    case run(Unmanaged<Route>)
    /// Lets others have the thread.
    case yield
    case end
  }

  let connection: Connection
  private let batch: Batch
  /// Those of the batch, as far as they are Zinx messages.
  private let frames: UnsafeRawBufferPointer
  /// Where those of others go on in the batch.
  @exclusivity(unchecked) private var foreignPosition: Int
  private let handler: MsgHandler
  /// The cork of the thread on which the task was begun, and resumes.
  private let cork: Cork
  /// The request that the route which runs begins with, or the one to be looked at next.
  @exclusivity(unchecked) @usableFromInline var current: Request
  /// The current request has not been looked at yet.
  @exclusivity(unchecked) private var isPending = false
  /// How long the route may run where it is not on the thread of the task. The chain's turn there may be long over: as many jobs as wait
  /// for an actor are one to it, and each would find time for a single request.
  @exclusivity(unchecked) private var turnElsewhere: Turn?
  /// The route that runs.
  @exclusivity(unchecked) private var route: Unmanaged<Route>
  /// What became of the first request before; nil once that is taken over.
  @exclusivity(unchecked) private var firstNotes: Request.Notes?
  /// When the first request was begun, in nanoseconds, until it is done; 0 where that is not timed.
  @exclusivity(unchecked) private var timedSince: Int64

  /// - Parameters:
  ///   - first: what is left to be run of the batch's first request.
  ///   - begin: when that was begun, in nanoseconds, if it is timed; else 0.
  init(
    _ batch: Batch, of connection: Connection, first: Unmanaged<Route>, _ notes: Request.Notes, _ cork: Cork,
    timedSince begin: Int64 = 0
  ) {
    timedSince = begin
    (self.batch, self.connection, route, firstNotes, self.cork) = (batch, connection, first, notes, cork)
    // Without any, the look for the next message falls through to the frames of others.
    frames = connection.isForeign ? UnsafeRawBufferPointer(start: nil, count: 0) : batch.frames
    foreignPosition = batch.start
    handler = connection.handler
    current = Request(connection: connection, batch)
  }

  /// Handles them all. The task, on the thread of the batch.
  nonisolated(nonsending) func handle() async {
    while true {
      switch next() {
      case .run(let route): await route._withUnsafeGuaranteedRef { $0.all }(self)
      case .yield: await Task.yield()
      case .end: return
      }
    }
  }

  /// Handles what can be handled without waiting. What cannot is the current request.
  private func next() -> Step {
    if let notes = firstNotes {
      firstNotes = nil
      gatherHere()
      guard take(&current) else { return .end }
      current.take(notes)
      return .run(route)
    }
    if timedSince != 0 { recordTime() }
    while !cork.isTurnOver {
      gatherHere()
      guard isPending || take(&current) else { return .end }
      isPending = false
      if let route = handler.handleImmediately(&current) {
        self.route = route
        return .run(route)
      }
    }
    return .yield
  }

  /// Takes the next request if it is for the route that runs; `request` is the one that is done. Returns false when the route is to
  /// return.
  ///
  /// Asynchronous although it never waits: after a handler the compiler puts a hop, which takes a lock of the task, in front of all that
  /// needs the executor, and an asynchronous call is not among that. A handler comes back where it was called as it is. Of one that does
  /// not, which the thread tells, the route returns, and there is a hop.
  @inlinable @inline(never)
  nonisolated(nonsending) func advance(_ request: inout Request) async -> Bool { advanceOnThread(&request) }

  /// Between two steps for one request, of which the first may have waited. Asynchronous for the same reason as ``advance(_:)``.
  @inlinable @inline(never)
  nonisolated(nonsending) func goOn() async { gatherAgain() }

  @usableFromInline
  func gatherAgain() { _ = gathersOnThread() }

  @usableFromInline
  func advanceOnThread(_ request: inout Request) -> Bool {
    if timedSince != 0 { recordTime() }
    guard gathersOnThread() else {
      current = request
      return false
    }
    return takeNext(&request)
  }

  /// Gathers as ``gatherHere()`` does, on the thread of the task alone. Returns whether that is the one.
  @inline(__always)
  private func gathersOnThread() -> Bool {
    guard connection.isCorkedHere || Cork.ofThisThread === cork else { return false }
    gatherHere()
    return true
  }

  /// The same on an actor, which may be another thread than the task's.
  func advanceIsolated(_ request: inout Request) -> Bool {
    if timedSince != 0 { recordTime() }
    gatherHere()
    return takeNext(&request)
  }

  /// The first request is done, which is timed.
  @inline(never)
  private func recordTime() {
    let end = Instant.now.nanoseconds
    cork.traffic.times.handling.record(from: timedSince, to: end)
    handler.statistics(of: route)?.handled(from: timedSince, to: end)
    timedSince = 0
  }

  @inline(__always)
  private func takeNext(_ request: inout Request) -> Bool {
    guard !isTurnOver, take(&request) else {
      current = request
      return false
    }
    guard handler.route(request.id)?.toOpaque() == route.toOpaque() else {
      current = request
      isPending = true
      return false
    }
    return true
  }

  /// Runs a handler of single requests for the current one and those that follow it to the same route.
  nonisolated(nonsending) func forEach(_ handle: Route.One) async {
    var request = current
    repeat {
      do { try await handle(request) } catch { failed(request, error) }
    } while await advance(&request)
  }

  @inline(__always)
  private func take(_ request: inout Request) -> Bool {
    !connection.dropsRest.load(ordering: .relaxed)
      && (request.takeNext(of: frames, connection.pack) || takeForeign(&request))
  }

  /// The next frame, where frames are not Zinx's.
  @inline(never)
  private func takeForeign(_ request: inout Request) -> Bool {
    guard connection.isForeign,
      let frame = connection.nextForeign(connection.framing, in: batch.frames, from: foreignPosition)
    else { return false }
    request.take(frame)
    foreignPosition = frame.end
    return true
  }

  /// Whether the thread, on which the route runs, is to be left to others.
  @inline(__always)
  private var isTurnOver: Bool { turnElsewhere?.isOver ?? cork.isTurnOver }

  /// Has the thread's cork gather the replies from here on, unless another one still holds some: then these go behind them, through
  /// the outbox.
  @inline(__always)
  func gatherHere() {
    if !connection.isCorkedHere { takeCork() }
  }

  private func takeCork() {
    guard connection.corkThread.load(ordering: .relaxed) == 0, !connection.isForeign else { return }
    Cork.ofThisThread?.take(connection)
  }

  /// When the task has come to an actor, whose jobs may run on another thread than its own.
  func enter() {
    gatherHere()
    if Cork.ofThisThread !== cork { turnElsewhere = Turn() }
  }

  /// Before the task leaves the actor: on another thread than its own nobody else would let go of the cork.
  func leave() {
    turnElsewhere = nil
    guard connection.isCorkedHere, let here = Cork.ofThisThread, here !== cork else { return }
    here.letGo()
  }

  @usableFromInline
  func failed(_ request: Request, _ error: any Error) { handler.report(error, of: request) }
}
