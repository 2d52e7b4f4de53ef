import NIOCore
import ZinxIO
import ZinxWire

/// What a message to many does about a peer whose queue is full: `MaxMsgChanLen` messages or `MaxConnQueueBytes` wait for it, and the
/// kernel takes no more.
public enum FullQueuePolicy: Sendable, Hashable, CaseIterable {
  /// The peer does not get the message. Nobody waits for it.
  case skip
  /// The sender waits for room, after all others have their copy: until the peer reads or ends. A peer that reads a little now and then
  /// is never closed as a slow consumer, and keeps the sender waiting for each message.
  case wait
  /// The peer is given up with reason ``CloseReason/slowConsumer``, and what was queued for it is dropped. Nobody waits for it.
  case close
}

/// How many of those to whom a message was sent got it. A connection that had ended, or ended meanwhile, is in none of the numbers.
public struct Delivery: Sendable, Hashable {
  /// Connections for which it is queued, or written already.
  public var sent = 0
  /// Connections that were left out because their queue was full.
  public var skipped = 0
  /// Connections that were closed because their queue was full.
  public var closed = 0
  /// Connections that were left out because their protocol cannot carry the message: see ``ZinxError/unencodable(reason:)``.
  public var unencodable = 0

  public init(sent: Int = 0, skipped: Int = 0, closed: Int = 0, unencodable: Int = 0) {
    self.sent = sent
    self.skipped = skipped
    self.closed = closed
    self.unencodable = unencodable
  }
}

extension Sequence<Connection> {
  /// Sends one message to many connections, encoded once; they share its bytes. Any thread. One sender's messages reach each peer in
  /// the order in which it sent them, whichever way it sends them.
  ///
  /// On an event loop it lets the loop do other things in between, and each loop writes to a part of its peers at a time: however many
  /// receivers there are, no loop is busy with them for more than two milliseconds at a time.
  ///
  /// - Parameters:
  ///   - excluded: the connection that does not get it, such as the one it came from.
  ///   - policy: what happens to a peer whose queue is full. With ``FullQueuePolicy/skip`` and ``FullQueuePolicy/close`` no peer delays
  ///     the call.
  ///
  /// Throws: `CancellationError`, with ``FullQueuePolicy/wait`` only.
  @discardableResult
  nonisolated(nonsending) public func broadcast(
    _ id: UInt32, _ data: ByteBuffer, except excluded: Connection? = nil, whenFull policy: FullQueuePolicy = .skip
  ) async throws -> Delivery {
    var broadcast = Broadcast(Message(id: id, data: data), policy)
    var count = 0
    for connection in self where connection !== excluded {
      broadcast.send(to: connection)
      count += 1
      if count % Broadcast.pieceLength == 0, let loop = broadcast.handOver() { await loop.turn() }
    }
    broadcast.handOver()
    try await broadcast.waitForRest()
    return broadcast.delivery
  }
}

extension Sequence<Connection> {
  /// The same from a thread that is no event loop, without waiting: a peer whose queue is full does not get the message.
  package func sendToAll(_ id: UInt32, _ data: ByteBuffer) -> Delivery {
    var broadcast = Broadcast(Message(id: id, data: data), .skip)
    for (index, connection) in enumerated() {
      broadcast.send(to: connection)
      if (index + 1) % Broadcast.pieceLength == 0 { broadcast.handOver() }
    }
    broadcast.handOver()
    return broadcast.delivery
  }
}

extension ConnManager {
  /// Sends one message to every live connection; otherwise as `broadcast` of a sequence of connections.
  ///
  /// Throws: `CancellationError`, with ``FullQueuePolicy/wait`` only.
  @discardableResult
  nonisolated(nonsending) public func broadcast(
    _ id: UInt32, _ data: ByteBuffer, except excluded: Connection? = nil, whenFull policy: FullQueuePolicy = .skip
  ) async throws -> Delivery {
    try await all.broadcast(id, data, except: excluded, whenFull: policy)
  }
}

extension Sequence<Connection> {
  /// The same for a value, which is encoded once.
  ///
  /// Throws: what its codec throws, and `CancellationError`, with ``FullQueuePolicy/wait`` only.
  @discardableResult
  nonisolated(nonsending) public func broadcast(
    _ id: UInt32, _ value: some Payload, except excluded: Connection? = nil, whenFull policy: FullQueuePolicy = .skip
  ) async throws -> Delivery {
    try await broadcast(id, try ByteBuffer(encoding: value), except: excluded, whenFull: policy)
  }
}

extension ConnManager {
  /// The same for a value, which is encoded once.
  @discardableResult
  nonisolated(nonsending) public func broadcast(
    _ id: UInt32, _ value: some Payload, except excluded: Connection? = nil, whenFull policy: FullQueuePolicy = .skip
  ) async throws -> Delivery {
    try await all.broadcast(id, value, except: excluded, whenFull: policy)
  }
}

extension Group {
  /// The same for a value, which is encoded once.
  @discardableResult
  nonisolated(nonsending) public func broadcast(
    _ id: UInt32, _ value: some Payload, except excluded: Connection? = nil, whenFull policy: FullQueuePolicy = .skip
  ) async throws -> Delivery {
    try await broadcast(id, try ByteBuffer(encoding: value), except: excluded, whenFull: policy)
  }
}

extension Users {
  /// The same for a value, which is encoded once.
  @discardableResult
  nonisolated(nonsending) public func send(
    to user: String, _ id: UInt32, _ value: some Payload, whenFull policy: FullQueuePolicy = .skip
  ) async throws -> Delivery {
    try await send(to: user, id, try ByteBuffer(encoding: value), whenFull: policy)
  }

  /// Sends a message to all connections of several users, encoded once; otherwise as to one. A user who is named twice gets it once.
  @discardableResult
  nonisolated(nonsending) public func send(
    to users: some Sequence<String>, _ id: UInt32, _ data: ByteBuffer, whenFull policy: FullQueuePolicy = .skip
  ) async throws -> Delivery {
    let users = Set(users)
    if let remote = remote.value { for user in users { remote.send(user, id, data) } }
    return try await users.flatMap { self[$0] }.broadcast(id, data, whenFull: policy)
  }

  /// The same for a value, which is encoded once.
  @discardableResult
  nonisolated(nonsending) public func send(
    to users: some Sequence<String>, _ id: UInt32, _ value: some Payload, whenFull policy: FullQueuePolicy = .skip
  ) async throws -> Delivery {
    try await send(to: users, id, try ByteBuffer(encoding: value), whenFull: policy)
  }
}

/// A message on its way to many.
private struct Broadcast {
  /// Connections that are served in one go: some ten microseconds.
  static let pieceLength = 128

  private(set) var delivery = Delivery()

  private let message: Message
  private let policy: FullQueuePolicy
  /// The encoded message, once for each order of the header that somebody speaks.
  private var frames: [(pack: DataPack, frame: ByteBuffer)] = []
  /// The same for other protocols; nil where the message cannot be a frame.
  private var foreignFrames: [(framing: Framing, frame: ByteBuffer?)] = []
  /// And once more for WebSockets.
  private var webSocketFrames: [(framing: Framing, frame: ByteBuffer?)] = []
  /// Those that are waited for in the end.
  private var full: [(connection: Connection, frame: ByteBuffer)] = []
  /// Those whose loops have not been told yet to write, by loop.
  private var toFlush: [(context: LoopContext, connections: [Connection])] = []

  init(_ message: Message, _ policy: FullQueuePolicy) {
    self.message = message
    self.policy = policy
  }

  mutating func send(to connection: Connection) {
    guard let frame = connection.hasOwnFrames ? otherFrame(connection) : frame(connection.pack) else {
      delivery.unencodable += 1
      return connection.server.counters.messagesUnencodable.count()
    }
    do throws(ZinxError) {
      try connection.queueShared(frame: frame)
      delivery.sent += 1
      if connection.takesFlush() { flushLater(connection) }
    } catch {
      if case .sendBufferFull = error { isFull(connection, frame) }
    }
  }

  private mutating func isFull(_ connection: Connection, _ frame: ByteBuffer) {
    switch policy {
    case .skip:
      delivery.skipped += 1
      connection.server.counters.messagesSkipped.count()
    case .wait: full.append((connection, frame))
    case .close: if connection.giveUp(.slowConsumer) { delivery.closed += 1 }
    }
  }

  private mutating func frame(_ pack: DataPack) -> ByteBuffer {
    if let known = frames.first(where: { $0.pack == pack }) { return known.frame }
    let frame = pack.encoded(message)
    frames.append((pack, frame))
    return frame
  }

  private mutating func otherFrame(_ connection: Connection) -> ByteBuffer? {
    guard connection.webSocket != nil else { return frame(connection.framing) }
    if let known = webSocketFrames.first(where: { $0.framing == connection.framing }) { return known.frame }
    let frame = frame(connection.framing).map { WebSocketFrame.encoded($0) }
    webSocketFrames.append((connection.framing, frame))
    return frame
  }

  private mutating func frame(_ framing: Framing) -> ByteBuffer? {
    if let known = foreignFrames.first(where: { $0.framing == framing }) { return known.frame }
    let frame = try? framing.frame(of: message)
    foreignFrames.append((framing, frame))
    return frame
  }

  private mutating func flushLater(_ connection: Connection) {
    let context = connection.context
    if let index = toFlush.firstIndex(where: { $0.context === context }) {
      toFlush[index].connections.append(connection)
    } else {
      toFlush.append((context, [connection]))
    }
  }

  /// Has the loops write what was queued since the last call. Returns the loop that the caller is on.
  @discardableResult
  mutating func handOver() -> EventLoop? {
    var current: EventLoop?
    for index in toFlush.indices {
      let context = toFlush[index].context
      if context.loop.isCurrent { current = context.loop }
      guard !toFlush[index].connections.isEmpty else { continue }
      context.scheduleFlush(toFlush[index].connections)
      toFlush[index].connections = []
    }
    return current
  }

  /// Waits for those whose queue was full, one after the other: they empty side by side.
  nonisolated(nonsending) mutating func waitForRest() async throws {
    for (connection, frame) in full {
      do {
        try await connection.send(frame: frame, isShared: true)
        delivery.sent += 1
      } catch is ZinxError {}
    }
  }
}

extension Connection {
  /// A message is more there than a header and its data, or something else.
  fileprivate var hasOwnFrames: Bool { isForeign || webSocket != nil }
}

extension EventLoop {
  /// Goes on after the loop has looked at its descriptors and done what else there is. For code that runs on it.
  nonisolated(nonsending) fileprivate func turn() async {
    await withCheckedContinuation { continuation in schedule(at: now) { continuation.resume() } }
  }
}
