import NIOCore
import Synchronization
import ZinxIO
import ZinxWire

/// Messages of a connection that somebody looks at. One that nobody looks at pays nothing: both ways there is a branch that is there for
/// something else (``Attention``, `Outbox.isWatched`).
///
/// What is seen is copied outside of the trace's lock, and no more of it than the trace has room for: under load, where there is none, a
/// batch costs a look at the clock and two short locks, however many messages it has.
extension Connection {
  /// A trace has begun or ended. Any thread.
  func traceChanged() {
    outbox.withLock { $0.trace(server.traces[id] != nil) }
    loop.execute { [self] in
      if server.traces[id] != nil { attention.insert(.trace) } else { attention.remove(.trace) }
    }
  }

  /// Messages that were taken for handling; `bytes` are theirs. Event loop.
  func traceReceived(_ count: Int, of bytes: UnsafeRawBufferPointer) {
    guard let trace = server.traces[id] else { return }
    let now = Instant.now
    var (copier, position) = (copier(.received, trace, at: now), 0)
    // Frames that a codec finds here once more it has found before.
    while copier.hasRoom, let frame = try? framing.next(in: bytes, from: position) {
      copier.add(frame.id, bytes[frame.data])
      position = frame.end
    }
    trace.add(copier.messages, of: count, at: now)
  }

  /// A frame that is queued. Under the outbox lock.
  func traceSent(_ frame: ByteBuffer, isRaw: Bool) {
    guard let trace = server.traces[id] else { return }
    let now = Instant.now
    var copier = copier(.sent, trace, at: now)
    let isMessage = frame.withUnsafeReadableBytes { bytes in
      guard let payload = payload(of: bytes) else { return false }
      if copier.hasRoom { copy(UnsafeRawBufferPointer(rebasing: bytes[payload]), isRaw: isRaw, &copier) }
      return true
    }
    // Such as the ping of a WebSocket.
    guard isMessage else { return }
    trace.add(copier.messages, of: 1, isBehind: isBehindCork, at: now)
  }

  /// What a thread has gathered, which is about to be written. Under the outbox lock.
  func traceSent(_ cork: Cork) {
    guard let trace = server.traces[id] else { return }
    let now = Instant.now
    var copier = copier(.sent, trace, at: now)
    if copier.hasRoom, cork.count > 0 {
      cork.copyLoans()
      var rest = cork.bytes
      while copier.hasRoom, let payload = payload(of: rest), let frame = next(in: rest, payload) {
        copier.add(frame.id, rest[frame.data])
        rest = UnsafeRawBufferPointer(rebasing: rest[frame.end...])
      }
    }
    trace.addGathered(copier.messages, of: cork.count, id, at: now)
  }

  private func copier(_ direction: TracedMessage.Direction, _ trace: Trace, at now: Instant) -> TraceCopier {
    TraceCopier(id, direction, trace.limits, room: trace.room(at: now), at: now)
  }

  private func copy(_ payload: UnsafeRawBufferPointer, isRaw: Bool, _ copier: inout TraceCopier) {
    var framing = Optional(framing)
    // Nothing of a plugin runs under the lock.
    if case .codec? = framing { framing = nil }
    if !isRaw, let framing, let frame = try? framing.next(in: payload, from: 0) {
      copier.add(frame.id, payload[frame.data])
    } else {
      copier.add(nil, payload[...])
    }
  }

  /// Where in the first of these frames the frame of the message lies; nil where it carries none. All of it where the connection is no
  /// WebSocket.
  private func payload(of bytes: UnsafeRawBufferPointer) -> Range<Int>? {
    webSocket == nil ? bytes.indices : WebSocketFrame.payload(of: bytes)
  }

  /// The Zinx message that begins there.
  private func next(in bytes: UnsafeRawBufferPointer, _ payload: Range<Int>) -> FoundFrame? {
    try? Framing.zinx(pack).next(in: bytes, from: payload.lowerBound)
  }
}

/// Copies messages as long as a trace has room for them.
struct TraceCopier {
  private let connection: UInt64
  private let direction: TracedMessage.Direction
  private let limits: TraceLimits
  private let at: Int64
  private var room: Int
  private(set) var messages: [TracedMessage] = []

  init(_ connection: UInt64, _ direction: TracedMessage.Direction, _ limits: TraceLimits, room: Int, at now: Instant) {
    (self.connection, self.direction, self.limits, self.room, at) = (connection, direction, limits, room, now.nanoseconds)
  }

  /// Whether there may be room for another one.
  var hasRoom: Bool { room >= TraceLimits.lineCost }

  /// Copies one, or finds that there is no room for it, nor for any that follows.
  mutating func add(_ id: UInt32?, _ data: Slice<UnsafeRawBufferPointer>) {
    room -= limits.cost(data.count)
    guard room >= 0 else { return }
    messages.append(
      TracedMessage(connection, direction, at: at, id: id, length: data.count, data: Array(data.prefix(limits.data))))
  }
}
