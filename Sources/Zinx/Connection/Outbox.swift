import NIOCore
import ZinxIO
import ZinxWire

/// What waits to be written to one peer: encoded frames, the senders that wait for room, and the order among them. No socket.
///
/// Not copyable: it has so many fields that each copy would be one in memory, of which making a connection took several.
///
/// Replies of a batch do not pass through here as long as the kernel takes them (see ``Cork``).
struct Outbox: ~Copyable {
  /// Ends a sender's wait.
  typealias Resume = (Outcome) -> Void

  /// What came of a wait.
  enum Outcome {
    /// There is room, or the bytes are written.
    case over
    case closed
    case cancelled
  }

  /// How much may wait for one peer. What is reached is full, so one message of any size fits into an empty queue.
  struct Limit {
    var messages: Int
    var bytes: Int
  }

  private enum Waiting {
    /// For a frame of so many bytes.
    case forRoom(Int)
    /// Until this many bytes in all have been written.
    case forWritten(UInt64)
  }

  private struct Waiter {
    let token: UInt64
    var what: Waiting
    let resume: Resume
  }

  /// Queues up to this size that the kernel has not refused are not counted as ``memory``: most leave before anybody looks.
  static let uncountedMemory = 4 << 10
  /// Memory that a queue may keep however few bytes of it are left.
  private static let keptMemory = 64 << 10

  /// What is seldom so.
  private struct Watch: OptionSet {
    let rawValue: UInt8

    static let closed = Watch(rawValue: 1)
    static let traced = Watch(rawValue: 2)
    static let held = Watch(rawValue: 4)
  }

  // Every connection has one of these, most of them idle: what takes a byte stands where a larger field leaves one.

  /// Frames in the order in which they leave; the first may be written in part.
  private(set) var queue = ByteBuffer()
  /// Some of the frame at the head has left.
  private var isHeadCut = false
  /// Frames sent from elsewhere while replies are corked: they leave after those.
  private var behind = ByteBuffer()
  /// `queue` is a message to many, whose bytes other queues hold too.
  private var isShared = false
  /// Frames in `queue` and `behind`, one that is written in part included.
  private(set) var messages = 0
  /// Bytes of the first frame that are still to be written.
  private var firstFrameRest = 0
  private(set) var bytesAccepted: UInt64 = 0
  /// Messages that were handed over and not dropped.
  private var messagesAccepted: UInt64 = 0
  private(set) var bytesWritten: UInt64 = 0
  /// When the kernel last took something, while it takes no more or is only tried again.
  private var stuckSince: Instant?
  /// The kernel has said that it takes more, and has not been found to.
  private var isTried = false
  /// Why whoever sends has to look twice: it asks once for all.
  private var watch: Watch = []
  /// The frame at the head is the protocol's own.
  private var isFirstControl = false
  /// Nil where frames are not Zinx's.
  private let pack: DataPack?
  /// All that is queued are frames of a WebSocket, whatever is in them.
  private let isWebSocket: Bool
  /// Frames of the protocol's own on a WebSocket, as pongs, among ``messages``.
  private var controls: UInt32 = 0
  /// `errno` of the write that failed; 0 without one.
  private(set) var error: Int32 = 0
  /// Memory that the beginning of the queue takes once more, sealed, and what the protocol of a session has to say.
  var sealedMemory = 0
  private var waiters: [Waiter] = []
  private var nextToken: UInt64 = 0
  /// Lengths of the frames behind the first one; nil while all of them are Zinx messages, whose headers tell.
  private var lengths: FrameLengths?

  init(_ pack: DataPack?, isWebSocket: Bool = false) {
    self.pack = pack
    self.isWebSocket = isWebSocket
    lengths = pack == nil && !isWebSocket ? FrameLengths() : nil
  }

  // MARK: Handover

  /// What another program needs to go on. What is still gathered for it elsewhere is not here.
  var state: OutboxState {
    var state = OutboxState()
    state.bytes = Array(queue.readableBytesView) + Array(behind.readableBytesView)
    state.frames = messages
    // What stands behind a cork that was never written is the first.
    state.firstFrame =
      queue.readableBytes > 0
      ? firstFrameRest : lengths?.rest.first.map(Int.init) ?? frameLength(in: behind, at: behind.readerIndex)
    state.isCut = isHeadCut
    state.isControl = queue.readableBytes > 0 ? isFirstControl : isWebSocket && messages > 0 && !WebSocketFrame.isMessage(behind)
    if let lengths { state.lengths = queue.readableBytes > 0 ? lengths.rest : Array(lengths.rest.dropFirst()) }
    (state.bytesWritten, state.messagesWritten) = (bytesWritten, messagesWritten)
    state.blockedSince = stuckSince?.nanoseconds ?? 0
    return state
  }

  /// Goes on where another program was, having held nothing: it is tried anew whether the kernel takes more.
  ///
  /// Throws: ``HandoverFault/malformed(offset:)`` when the bytes are not those of the frames.
  mutating func goOn(from state: OutboxState) throws(HandoverFault) {
    (bytesWritten, messagesAccepted) = (state.bytesWritten, state.messagesWritten)
    bytesAccepted = bytesWritten &+ UInt64(state.bytes.count)
    guard !state.bytes.isEmpty else { return }
    queue = ByteBuffer(bytes: state.bytes)
    let behindFirst =
      if state.lengths.isEmpty, pack != nil || isWebSocket {
        headers(in: queue, from: queue.readerIndex + state.firstFrame)
      } else { state.lengths.map(Int.init) }
    guard state.firstFrame + behindFirst.reduce(0, +) == state.bytes.count, state.frames == behindFirst.count + 1 else {
      throw .malformed(offset: 0)
    }
    if !state.lengths.isEmpty || lengths != nil { lengths = FrameLengths(state.lengths) }
    (messages, firstFrameRest, isHeadCut) = (state.frames, state.firstFrame, state.isCut)
    if isWebSocket { goOnWithControls(state.isControl, behindFirst) }
    messagesAccepted &+= UInt64(state.frames) &- UInt64(controls)
    stuckSince = state.blockedSince > 0 ? Instant(nanoseconds: state.blockedSince) : nil
    isTried = stuckSince != nil
  }

  /// Counts the frames of the protocol's own: the first, of which the beginning may have left, and those behind it.
  private mutating func goOnWithControls(_ isFirst: Bool, _ lengths: [Int]) {
    isFirstControl = isFirst
    controls = isFirst ? 1 : 0
    var index = queue.readerIndex + firstFrameRest
    for length in lengths {
      if let byte = queue.getInteger(at: index, as: UInt8.self), byte & 0x08 != 0 { controls += 1 }
      index += length
    }
  }

  var isClosed: Bool { watch.contains(.closed) }

  /// What is sent is shown to somebody.
  var isTraced: Bool { watch.contains(.traced) }

  /// What it holds was written down for another program: nobody may add to it, or write it.
  var isHeld: Bool { watch.contains(.held) }

  /// One of the three.
  var isWatched: Bool { !watch.isEmpty }

  var isEmpty: Bool { queue.readableBytes == 0 && behind.readableBytes == 0 }

  /// Messages that the kernel has taken as a whole.
  var messagesWritten: UInt64 { messagesAccepted - UInt64(messages - Int(controls)) }

  /// Bytes that wait to be written.
  var bytes: Int { queue.readableBytes + behind.readableBytes }

  /// When the kernel last took something, while it takes no more; nil while it does. The event loop waits for it to take more.
  @inline(__always)
  var blockedSince: Instant? { isTried ? nil : stuckSince }

  func hasRoom(_ limit: Limit) -> Bool { messages < limit.messages && bytes < limit.bytes }

  /// Memory that this queue alone takes, as it counts against the limit of all: at most `keptMemory` and four times ``bytes``, and a few
  /// bytes for each frame that does not tell its length. A
  /// message to many costs nothing as long as it is one copy for all.
  @inline(__always)
  var memory: Int {
    // An empty queue has no buffer, and most are: to ask a ByteBuffer for its capacity costs more than the rest of a reply's way.
    guard !isEmpty || sealedMemory > 0 else { return 0 }
    let held = (isShared ? 0 : queue.storageCapacity) + behind.storageCapacity + sealedMemory + (lengths?.memory ?? 0)
    return held <= Self.uncountedMemory && blockedSince == nil ? 0 : held
  }

  mutating func trace(_ isTraced: Bool) {
    if isTraced { watch.insert(.traced) } else { watch.remove(.traced) }
  }

  mutating func hold(_ isHeld: Bool) {
    if isHeld { watch.insert(.held) } else { watch.remove(.held) }
  }

  // MARK: Filling

  /// Queues one frame, of one byte at least. `isCorked`: replies that are not here yet were sent before it; `isShared`: other queues get the
  /// same bytes; `isRaw`: its bytes do not tell its length.
  mutating func append(frame: ByteBuffer, isCorked: Bool, isShared: Bool = false, isRaw: Bool = false) {
    if isRaw, lengths == nil, !isWebSocket { keepLengths() }
    lengths?.append(frame.readableBytes, isBehind: isCorked)
    bytesAccepted += UInt64(frame.readableBytes)
    messages += 1
    if isWebSocket, !WebSocketFrame.isMessage(frame) { controls += 1 } else { messagesAccepted += 1 }
    if isCorked { behind.writeImmutableBuffer(frame) } else { enqueue(frame, isShared: isShared) }
  }

  /// The kernel took `count` bytes, which are `frames` whole frames, past the empty queue. Returns false, having done nothing, if others wait behind them.
  mutating func passed(_ count: Int, frames: Int) -> Bool {
    guard isEmpty else { return false }
    messagesAccepted += UInt64(frames)
    bytesAccepted += UInt64(count)
    bytesWritten += UInt64(count)
    return true
  }

  /// Takes over the corked frames of which the kernel took the first `written` bytes, then what was sent behind them.
  mutating func uncork(_ frames: UnsafeRawBufferPointer, count: Int, written: Int) {
    // The usual case: all of it has left already.
    if written == frames.count, passed(written, frames: count) { return }
    uncork(ByteBuffer(bytes: frames), count: count, written: written)
  }

  /// Takes over the corked frames of which the kernel took the first `written` bytes, then what was sent behind them.
  mutating func uncork(_ frames: ByteBuffer, count: Int, written: Int) {
    bytesAccepted += UInt64(frames.readableBytes)
    bytesWritten += UInt64(written)
    messagesAccepted += UInt64(count)
    if written < frames.readableBytes {
      messages += count
      if lengths != nil {
        let told = headers(in: frames, from: frames.readerIndex)
        lengths?.insert(told)
      }
      let wasEmpty = queue.readableBytes == 0
      enqueue(frames)
      if wasEmpty { consume(written) }
    }
    guard behind.readableBytes > 0 else { return }
    postponeWaiters(behind: frames.readableBytes)
    lengths?.takeBehind()
    enqueue(behind)
    behind = ByteBuffer()
  }

  /// `count` bytes were put in front of what is behind the cork: those who wait for that wait for them too.
  private mutating func postponeWaiters(behind count: Int) {
    let front = bytesAccepted - UInt64(count + behind.readableBytes)
    for index in waiters.indices {
      if case .forWritten(let mark) = waiters[index].what, mark > front {
        waiters[index].what = .forWritten(mark + UInt64(count))
      }
    }
  }

  private mutating func enqueue(_ frames: ByteBuffer, isShared: Bool = false) {
    if queue.readableBytes == 0 {
      // Shares the bytes instead of copying them: of a broadcast there is one copy for all.
      queue = frames
      self.isShared = isShared
      firstFrameRest = 0
    } else {
      if self.isShared {
        // From here on it is a copy of our own, of what is left.
        queue = ByteBufferAllocator().buffer(buffer: queue)
        self.isShared = false
      } else if queue.readerIndex > queue.readableBytes {
        queue.discardReadBytes()
      }
      queue.writeImmutableBuffer(frames)
    }
    if firstFrameRest == 0 { beginFrame() }
  }

  // MARK: Emptying

  /// What is left of the frame of a WebSocket of which a part has left, or will: `onTheWay` bytes of the queue are sealed. Nothing else may
  /// be sent in front of it.
  func restOfCutFrame(onTheWay: Int) -> [UInt8] {
    guard isHeadCut || onTheWay > 0, firstFrameRest > 0 else { return [] }
    var end = firstFrameRest
    while end < onTheWay {
      let length = frameLength(in: queue, at: queue.readerIndex + end)
      guard length > 0 else { return [] }
      end += length
    }
    return queue.getBytes(at: queue.readerIndex + onTheWay, length: end - onTheWay) ?? []
  }

  /// The kernel took nothing, or `progress` was made before it stopped to. Returns whether it took more until now.
  mutating func block(at now: Instant, progress: Bool) -> Bool {
    let isNew = blockedSince == nil
    // One that was tried in vain has taken nothing since before.
    if stuckSince == nil || progress { stuckSince = now }
    isTried = false
    return isNew
  }

  /// A write failed.
  mutating func failed(_ error: Int32) { self.error = error }

  /// The kernel says that it takes more again.
  mutating func unblock() { isTried = stuckSince != nil }

  /// It took all that there was, or some of it.
  mutating func flows() { (stuckSince, isTried) = (nil, false) }

  /// The kernel took `count` bytes of the queue.
  mutating func wrote(_ count: Int) {
    bytesWritten += UInt64(count)
    if count > 0, isTried { flows() }
    consume(count)
  }

  private mutating func consume(_ count: Int) {
    var rest = count
    defer { if count > 0 { isHeadCut = rest > 0 } }
    while rest >= firstFrameRest, firstFrameRest > 0 {
      rest -= firstFrameRest
      queue.moveReaderIndex(forwardBy: firstFrameRest)
      messages -= 1
      if isFirstControl { controls -= 1 }
      beginFrame()
    }
    queue.moveReaderIndex(forwardBy: rest)
    firstFrameRest -= rest
    if queue.readableBytes == 0 {
      // An idle connection holds no buffer.
      queue = ByteBuffer()
      if lengths != nil, behind.readableBytes == 0 { forgetLengths() }
    } else if !isShared, queue.storageCapacity > max(Self.keptMemory, 4 * queue.readableBytes) {
      // Nor does a peer that leaves the last few bytes of much.
      queue = ByteBufferAllocator().buffer(buffer: queue)
    }
  }

  /// Looks at the frame at the head of the queue.
  private mutating func beginFrame() {
    firstFrameRest = frameLength()
    isFirstControl = isWebSocket && firstFrameRest > 0 && !WebSocketFrame.isMessage(queue)
  }

  /// Bytes of the frame at the head of the queue, 0 without one.
  private mutating func frameLength() -> Int {
    if lengths != nil { return lengths?.next() ?? 0 }
    return frameLength(in: queue, at: queue.readerIndex)
  }

  /// Bytes of the Zinx message, or of the frame of a WebSocket, there; 0 without one.
  private func frameLength(in buffer: ByteBuffer, at index: Int) -> Int {
    guard !isWebSocket else { return WebSocketFrame.length(in: buffer, at: index) }
    guard let pack, let raw = buffer.getInteger(at: index, endianness: .host, as: UInt64.self) else { return 0 }
    return DataPack.headerLength + Int(FrameHeader(rawHeader: raw, pack).length)
  }

  // MARK: Lengths

  /// What is queued from here on does not tell its length: notes those of the messages that do.
  private mutating func keepLengths() {
    let lengths = FrameLengths()
    for length in headers(in: queue, from: queue.readerIndex + firstFrameRest) { lengths.append(length, isBehind: false) }
    for length in headers(in: behind, from: behind.readerIndex) { lengths.append(length, isBehind: true) }
    self.lengths = lengths
  }

  private mutating func forgetLengths() { lengths = pack == nil && !isWebSocket ? FrameLengths() : nil }

  /// Lengths of the Zinx messages from an index on.
  private func headers(in buffer: ByteBuffer, from start: Int) -> [Int] {
    var lengths: [Int] = []
    var index = start
    while index < buffer.writerIndex {
      let length = frameLength(in: buffer, at: index)
      guard length > 0 else { break }
      lengths.append(length)
      index += length
    }
    return lengths
  }

  // MARK: Waiting

  var hasWaiters: Bool { !waiters.isEmpty }

  /// Registers a sender that waits for room for `bytes`; it tries again when resumed. Returns a token to give up with.
  mutating func waitForRoom(for bytes: Int, _ resume: @escaping Resume) -> UInt64 { wait(.forRoom(bytes), resume) }

  /// Registers a sender that waits until all that was accepted so far is written.
  mutating func waitUntilWritten(_ resume: @escaping Resume) -> UInt64 { wait(.forWritten(bytesAccepted), resume) }

  private mutating func wait(_ what: Waiting, _ resume: @escaping Resume) -> UInt64 {
    nextToken += 1
    waiters.append(Waiter(token: nextToken, what: what, resume: resume))
    return nextToken
  }

  /// Takes a waiting sender out; nil when it has been resumed already.
  mutating func giveUp(_ token: UInt64) -> Resume? {
    guard let index = waiters.firstIndex(where: { $0.token == token }) else { return nil }
    return waiters.remove(at: index).resume
  }

  /// The senders whose wait is over, oldest first; nil if nobody waits. The caller resumes them after it has let go of the lock.
  mutating func takeResumable(limit: Limit) -> [Resume]? {
    guard !waiters.isEmpty else { return nil }
    var room = Limit(messages: limit.messages - messages, bytes: limit.bytes - bytes)
    var resumable: [Resume] = []
    waiters.removeAll { waiter in
      let isOver =
        switch waiter.what {
        case .forRoom: room.messages > 0 && room.bytes > 0
        case .forWritten(let mark): bytesWritten >= mark
        }
      if isOver { resumable.append(waiter.resume) }
      if isOver, case .forRoom(let bytes) = waiter.what {
        room.messages -= 1
        room.bytes -= bytes
      }
      return isOver
    }
    return resumable
  }

  /// Drops everything. Returns the senders that wait: they are to be told.
  mutating func close() -> [Resume] {
    watch.insert(.closed)
    sealedMemory = 0
    flows()
    messagesAccepted -= UInt64(messages - Int(controls))
    (messages, controls) = (0, 0)
    (firstFrameRest, isFirstControl) = (0, false)
    // An empty buffer costs a few counts of references; most connections end with nothing queued.
    if !isEmpty { (queue, behind) = (ByteBuffer(), ByteBuffer()) }
    if lengths != nil { forgetLengths() }
    guard hasWaiters else { return [] }
    defer { waiters = [] }
    return waiters.map(\.resume)
  }
}
