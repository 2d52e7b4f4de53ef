import Glibc
import NIOCore
import Synchronization
import ZinxIO
import ZinxTLS
import ZinxWire

/// One TCP connection: what user code sees of it, and what the files beside this one do with it.
///
/// - `Connection+Reading.swift`: bytes to batches of requests, on the event loop
/// - `Connection+FirstBytes.swift`: peers that speak something else, on the event loop
/// - `Connection+Batch.swift`: user code, on the event loop or on the connection's worker
/// - `Connection+Sending.swift`: messages to bytes, from any thread
/// - `Connection+Timeouts.swift`, `Heartbeat.swift`, `Connection+Pace.swift`: peers that are too slow, and too fast, on the event loop
/// - `Connection+TLS.swift`: a session between socket and frames, on the event loop and under the outbox lock
/// - `Connection+WebSocket.swift`: the same for those that are WebSockets
/// - `Connection+Trace.swift`: its messages shown to an operator, on the event loop and under the outbox lock
/// - `Connection+Queue.swift`: what waits for the peer and its limits, from any thread
/// - `Connection+Ending.swift`: the end, on the event loop
///
/// Unchecked: stored variables are of three kinds, each touched in one way only, as marked below.
public final class Connection: @unchecked Sendable {
  /// Unique for the life of the process, counted from 0, never reused.
  public let id: UInt64
  public let remoteAddress: SocketAddress
  let descriptor: Int32
  let acceptedAt: Instant
  let server: ServerContext
  let endpoint: EndpointContext
  let context: LoopContext
  /// That of the context.
  let loop: EventLoop
  /// That of the endpoint.
  let handler: MsgHandler
  /// Runs the requests; nil: the event loop does.
  let worker: Worker?

  // Any thread: locked or atomic.

  /// Used under the outbox lock, and by the event loop once that is closed; nil on a plain connection.
  let session: TLSSession?
  /// Nil on a connection that is none.
  let webSocket: WebSocket?
  /// Bits of ``Cork/room`` that hold: all, or on a WebSocket none.
  let plainRoom: Int
  let outbox: Mutex<Outbox>
  let properties = Mutex<[ObjectIdentifier: any Sendable]?>(nil)
  let suspendedTask = Mutex<Task<Void, Never>?>(nil)
  /// Frames in the outbox, as last seen under its lock.
  let queuedMessages = Atomic<Int>(0)
  /// What the outbox counts in the memory of all queues, as last seen under its lock.
  let queueMemory = Atomic<Int>(0)
  /// Messages and bytes that have come, and when the last ones did, in nanoseconds of ``ZinxIO/Instant``. Written by the event loop alone,
  /// for a whole read or batch at once; read by whoever looks at the connection.
  let messagesReceived = Atomic<UInt64>(0)
  let bytesReceived = Atomic<UInt64>(0)
  let receivedAt: Atomic<Int64>
  /// The thread whose cork gathers the replies of this connection; 0 without one.
  let corkThread = Atomic<UInt>(0)

  // What takes a byte stands together: an idle connection is hardly more than this object, and padding is memory of each.

  /// Frames are not those of the Zinx protocol: see ``framing``. Nothing is gathered for it then in the corks of threads.
  let isForeign: Bool
  /// The order of the header, for what only Zinx messages come to: means nothing where the connection is foreign.
  let pack: DataPack
  /// One of the two stands between socket and frames: a plain connection asks once.
  let isWrapped: Bool
  let isClosedFlag = Atomic<Bool>(false)
  let isFlushScheduled = Atomic<Bool>(false)
  /// What the user code of this connection does.
  let activity = Atomic<Activity>(.idle)
  /// Requests that have not been started are dropped.
  let dropsRest = Atomic<Bool>(false)
  /// The raw value of the reason for that.
  let stopReason = Atomic<UInt8>(UInt8(truncatingIfNeeded: CloseReason.stopped.rawValue))
  /// What of ``Membership`` holds.
  let membership = Atomic<UInt8>(0)
  /// The peer was given up: user code that suspends is cancelled.
  let isCut = Atomic<Bool>(false)
  /// `OnConnStart` threw.
  let startHookThrew = Atomic<Bool>(false)
  /// The task of user code that is suspended, to be cancelled when the connection is cut.
  let hasSuspended = Atomic<Bool>(false)
  /// Something is gathered in that cork.
  let isCorkFilled = Atomic<Bool>(false)
  /// What is gathered has to be written before anything is added to it: something was sent behind it, or the connection has ended.
  let stopsGathering = Atomic<Bool>(false)
  /// What was told of this connection once and is not told again: `Told`.
  let told = Atomic<UInt8>(0)

  // The thread that runs user code, named by `corkThread` while it gathers.

  /// The room that the running batch has of its worker.
  @exclusivity(unchecked) var workerRoom: Int32 = 0
  /// Messages of the running batch that have no route.
  @exclusivity(unchecked) var unknown: Int32 = 0
  // Unmanaged: corks live as long as their threads, and counting references would cost as much as gathering a reply.
  @exclusivity(unchecked) var cork: Unmanaged<Cork>?
  @exclusivity(unchecked) var heartbeatAnswers = HeartbeatAnswers()
  /// Messages that came before the peer has authenticated.
  @exclusivity(unchecked) var strikes: Int32 = 0

  // The event loop of the connection. One thread, so exclusivity needs no check at run time; these are touched for every batch.

  @exclusivity(unchecked) var life = ConnectionLife()
  /// Bytes at the beginning of the inbox that need not be searched again for the end of a frame.
  @exclusivity(unchecked) var searched: UInt32 = 0
  /// Bytes that are not part of a batch yet; nil without any.
  @exclusivity(unchecked) var inbox: ByteBuffer?
  /// The batch to run next.
  @exclusivity(unchecked) var staged: Batch?
  /// Bytes that the first frame of the inbox takes as a whole, 0 while that is not known.
  @exclusivity(unchecked) var nextFrame = 0
  /// Bytes that are still to be read: while draining, of those that had arrived when the drain began; while lingering, of those that are
  /// dropped.
  @exclusivity(unchecked) var drainRest: Int?
  @exclusivity(unchecked) var isWaitingForWorker = false
  /// Logins of the peer that failed. The thread that runs user code.
  @exclusivity(unchecked) var failedLogins: UInt8 = 0
  /// Why bytes that were scanned are looked at once more.
  @exclusivity(unchecked) var attention: Attention = .firstMessage
  /// What the first bytes look like that are no message with a route. Set before any request runs: those read it too.
  @exclusivity(unchecked) var looksLike: Lookalike?
  @exclusivity(unchecked) var interest = Readiness.nothing
  /// Bytes that the kernel kept for the peer when it last took less than all, or when we last looked since.
  @exclusivity(unchecked) var unacknowledged: Int32 = 0
  @exclusivity(unchecked) var receiving: ReceiveDeadline
  /// When the peer was last sent a heartbeat.
  @exclusivity(unchecked) var beatAt = Instant(nanoseconds: .min)
  /// Nil while no rate is limited.
  @exclusivity(unchecked) var pace: Pace?
  @exclusivity(unchecked) var timer: EventLoop.Timer?
  @exclusivity(unchecked) var timerDeadline = Instant.distantFuture
  @exclusivity(unchecked) var lingerDeadline = Instant.distantFuture
  @exclusivity(unchecked) var authenticationDeadline = Instant.distantFuture
  /// At the end: how many bytes are to be written in all; nil until that is known.
  @exclusivity(unchecked) var flushMark: UInt64?
  @exclusivity(unchecked) var isRegistered = false
  /// Epoll is to be asked again after a while.
  @exclusivity(unchecked) var asksLater = false

  /// Takes ownership of a non-blocking descriptor that was accepted at `now`.
  init(
    id: UInt64, descriptor: Int32, remoteAddress: SocketAddress, server: ServerContext, endpoint: EndpointContext,
    context: LoopContext, session: TLSSession? = nil, webSocket: WebSocket? = nil, at now: Instant
  ) {
    self.id = id
    self.descriptor = descriptor
    self.remoteAddress = remoteAddress
    acceptedAt = now
    receivedAt = Atomic(now.nanoseconds)
    self.server = server
    self.context = context
    loop = context.loop
    self.endpoint = endpoint
    handler = endpoint.handler
    isForeign = endpoint.dataPack == nil
    pack = endpoint.dataPack ?? .ltvLittleEndian
    worker = server.workers.worker(for: id)
    self.session = session
    self.webSocket = webSocket
    isWrapped = session != nil || webSocket != nil
    plainRoom = webSocket == nil ? -1 : 0
    outbox = Mutex(Outbox(endpoint.dataPack, isWebSocket: webSocket != nil))
    receiving = ReceiveDeadline(at: now)
  }

  /// Whether the connection can no longer send.
  public var isClosed: Bool { isClosedFlag.load(ordering: .relaxed) }

  /// The name of the listener that it came in by.
  public var listener: String { endpoint.name }

  /// How its messages are cut out of the bytes.
  public var framing: Framing { endpoint.framing }

  /// The live connections of the same server.
  public var connManager: ConnManager { server.connManager }

  /// Ends the connection with reason `stopped`: the request that is handled now is finished, those behind it are dropped,
  /// `OnConnStop` runs, what is queued is flushed. Returns at once; any thread.
  ///
  /// - Parameter text: why, in words for the log and ``closeText``; of the first call.
  public func stop(reason text: String? = nil) {
    let isFirst = !dropsRest.exchange(true, ordering: .acquiringAndReleasing)
    if isFirst, let text { self[CloseText.self] = text }
    loop.execute { self.end(.stopped, handlingRest: false) }
  }

  /// Ends the connection with reason `killed`, as an operator does: gently as ``stop(reason:)``, or at once without handling or flushing
  /// anything. Returns at once; any thread.
  ///
  /// - Parameter text: who has done it, or why, in words for the log and ``closeText``; of the first call.
  public func kill(reason text: String? = nil, atOnce: Bool = false) {
    if let text, !dropsRest.load(ordering: .relaxed) { self[CloseText.self] = text }
    if atOnce { cut(.killed) } else { stop(as: .killed) }
  }

  /// The same with another reason.
  func stop(as reason: CloseReason, text: String? = nil) {
    if let text, !dropsRest.load(ordering: .relaxed) { self[CloseText.self] = text }
    stopReason.store(UInt8(truncatingIfNeeded: reason.rawValue), ordering: .relaxed)
    dropsRest.store(true, ordering: .releasing)
    loop.execute { self.end(reason, handlingRest: false) }
  }

  /// Ends the connection with reason `draining`: what the kernel has received by now is handled first. Returns at once; any thread.
  func drain() { loop.execute { self.beginDrain() } }

  /// Gives the peer up: closes without handling or flushing the rest. Returns at once; any thread.
  func cut(_ reason: CloseReason) { loop.execute { self.cutOff(reason) } }
}

/// Why bytes that were scanned are looked at once more: a connection to which nothing of it applies asks once for all.
struct Attention: OptionSet {
  let rawValue: UInt8

  /// The first message is not whole yet.
  static let firstMessage = Attention(rawValue: 1)
  /// Its messages are traced.
  static let trace = Attention(rawValue: 2)
}

/// What the user code of a connection does. The loop sets `busy` and asks for a word with `busyAndAwaited`; who ran the code sets
/// `idle`, and brings the word if it was asked for. So a batch that nobody waits for costs the loop no wake-up.
enum Activity: UInt8, AtomicRepresentable {
  case idle, busy, busyAndAwaited
}

/// Requests that run one after the other and whose replies leave together: whole frames, one after the other.
struct Batch: Sendable {
  /// Batches up to this size leave their chunk when they have to wait: they would keep too much that is not theirs.
  private static let ownedSize = 16 << 10

  private(set) var chunk: Chunk
  /// Where the frames lie in the chunk; they begin with the next one to handle.
  private(set) var start: Int
  private(set) var end: Int
  /// Narrow, as every connection has room for a batch. A frame takes a byte at least, so they are no more than a chunk has.
  private let frameCount: UInt32
  /// Those that have room on the worker and have not run: all, or none.
  private var room: UInt32

  init(chunk: Chunk, start: Int, end: Int, count: Int) {
    (self.chunk, self.start, self.end) = (chunk, start, end)
    frameCount = UInt32(truncatingIfNeeded: count)
    room = frameCount
  }

  /// Frames at the beginning.
  var count: Int { Int(frameCount) }

  /// The room on the worker, once.
  mutating func takeRoom() -> UInt32 {
    defer { room = 0 }
    return room
  }

  /// The memory of the chunk up to the last frame. Valid as long as the batch.
  var frames: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: chunk.memory[..<end]) }

  /// Where the next frame lies in ``frames``.
  var begin: Int { start }

  /// Leaves out the frames before `position`, which are done.
  mutating func advance(to position: Int) { start = position }

  /// Moves a small batch to memory of its own.
  mutating func prepareToWait() {
    guard end - start <= Self.ownedSize, start < end else { return }
    let copy = Chunk(capacity: end - start)
    copy.memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: frames[start...]))
    (chunk, start, end) = (copy, 0, end - start)
  }
}

/// A piece of user code of one connection.
enum UserCode: Sendable {
  case startHook
  case requests(Batch)
  case stopHook(CloseReason)

  var batch: Batch? {
    if case .requests(let batch) = self { batch } else { nil }
  }

  var isStopHook: Bool {
    if case .stopHook = self { true } else { false }
  }
}

extension Connection: ReadinessHandler {
  package func ready(_ readiness: Readiness) {
    // The error of a socket that was reset goes to whoever asks first: to the read, which makes the reason of it.
    if readiness.isWritable, !readiness.isBroken { writable() }
    if readiness.isReadable {
      let isDrained = readable(isBroken: readiness.isBroken)
      if !isDrained || readiness.hasMore, interest.isReadable { askAgain() }
    } else if readiness.isBroken {
      socketBroke()
    }
  }
}
