import Glibc
import NIOCore
import Synchronization
import Zinx
import ZinxIO
import ZinxWire

/// A client of a ``TestServer``, which a test holds in its hands: it sends what it is told to and keeps what it gets.
///
/// It is read all the time, unless it is paused, and closes when the server does. Any thread.
public final class TestPeer: Sendable {
  private struct State {
    var received: [Message] = []
    var taken = 0
    var bytes = ByteBuffer()
    var fault: WireError?
    /// What the kernel has not taken yet.
    var unsent = ByteBuffer()
    var bytesReceived: UInt64 = 0
    var bytesSent: UInt64 = 0
    var isOpen = true
    var isRegistered = false
    var isPaused = false
  }

  /// The peer's address, as the server sees it.
  public let address: Zinx.SocketAddress

  private let server: Engine
  private let framing: Framing
  /// Closed under the lock of the state, and touched under it alone.
  private let socket: Int32
  private let state = Mutex(State())

  init(_ socket: Int32, _ address: Zinx.SocketAddress, _ framing: Framing, _ server: Engine) {
    (self.socket, self.address, self.framing, self.server) = (socket, address, framing, server)
  }

  deinit { if state.withLock({ $0.isOpen }) { _ = Glibc.close(socket) } }

  // MARK: The server's side

  /// The connection, as plugins see it; also after its end.
  ///
  /// Throws: ``TestError/notConnected(_:)``.
  public var connection: Connection {
    get throws {
      guard let connection = server.journal.connection(address) else { throw TestError.notConnected(refusal) }
      return connection
    }
  }

  /// Why the server did not let the peer in; nil if it did.
  public var refusal: RefusalReason? { server.journal.refusal(address) }

  /// Why the connection has ended, for the server; nil while it is live.
  public var end: CloseReason? { server.journal.connection(address).flatMap { server.journal.end($0) } }

  /// Waits for the end of the connection and says why it ended.
  ///
  /// Throws: `CancellationError`.
  public func ended() async throws -> CloseReason? {
    try await server.journal.wait { [self] in end != nil || refusal != nil }
    return end
  }

  // MARK: Sending

  /// Sends a message with a value, text or bytes, and returns once the server has nothing more to do with it: see ``TestServer/settle()``.
  ///
  /// Throws: what the codec of the value throws, and what is wrong with it as a frame of another protocol.
  public func send(_ id: UInt32, _ value: some Payload) async throws {
    send(bytes: try framing.encoded(Message(id: id, data: try ByteBuffer(encoding: value))))
    await server.settle()
  }

  /// Sends a message without data, and waits as above.
  public func send(_ id: UInt32) async throws {
    send(bytes: try framing.encoded(Message(id: id, data: ByteBuffer())))
    await server.settle()
  }

  /// Sends bytes, such as a part of a frame, and waits for nothing.
  public func send(bytes: ByteBuffer) {
    server.onLoop { [self] in
      state.withLock { state in
        guard state.isOpen else { return }
        state.unsent.writeImmutableBuffer(bytes)
        write(&state)
        if state.isRegistered { server.loop.change(socket, to: interest(state)) }
      }
    }
  }

  /// Sends a message and waits for the next one that comes.
  public func request(_ id: UInt32, _ value: some Payload) async throws -> Message {
    try await send(id, value)
    return try await next()
  }

  // MARK: Receiving

  /// All messages that have come.
  public var received: [Message] { state.withLock { $0.received } }

  /// What is wrong with bytes that the server has sent, if they are no frame of its listener's protocol: no message comes behind them.
  public var fault: WireError? { state.withLock { $0.fault } }

  /// The values of all messages of an id that have come.
  ///
  /// Throws: what their codec throws.
  public func received<Value: Payload>(_ id: UInt32, as: Value.Type = Value.self) throws -> [Value] {
    try received.filter { $0.id == id }.map { try $0.value(as: Value.self) }
  }

  /// The messages that have come and were not taken yet, here or by ``next()``.
  public func take() -> [Message] {
    state.withLock { state in
      defer { state.taken = state.received.count }
      return Array(state.received[state.taken...])
    }
  }

  /// The first message that was not taken yet, as soon as it has come.
  ///
  /// Throws: ``TestError/ended(_:)`` when none will come, `CancellationError`.
  public func next() async throws -> Message {
    while true {
      try await server.journal.wait { [self] in state.withLock { $0.taken < $0.received.count || !$0.isOpen } }
      let (message, isOpen) = state.withLock { state -> (Message?, Bool) in
        guard state.taken < state.received.count else { return (nil, state.isOpen) }
        defer { state.taken += 1 }
        return (state.received[state.taken], true)
      }
      if let message { return message }
      if !isOpen { throw TestError.ended(end) }
    }
  }

  /// Reads no more until ``resume()``, as one that is too slow.
  public func pause() async {
    await setPaused(true)
    await server.settle()
  }

  public func resume() async {
    await setPaused(false)
    await server.settle()
  }

  // MARK: Ending

  /// Says that nothing more will come, and reads on.
  public func shutdown() async {
    await server.doOnLoop { [self] in state.withLock { if $0.isOpen { Glibc.shutdown(socket, Int32(SHUT_WR)) } } }
    await server.settle()
  }

  /// Closes the connection. What was received is read first.
  public func close() async {
    await server.doOnLoop { [self] in
      read()
      state.withLock { close(&$0) }
    }
    await server.settle()
  }

  // MARK: On the loop of the server

  func begin() {
    state.withLock { register(&$0) }
    read()
  }

  /// Whether all that is on its way has arrived.
  func isStill() -> Bool {
    let (isOpen, sent, received) = state.withLock { state in
      (state.isOpen, state.bytesSent, state.isPaused ? UInt64.max : state.bytesReceived)
    }
    guard isOpen, let connection = server.journal.connection(address) else { return true }
    return connection.hasExchanged(sent: sent, received: received)
  }

  /// The loop has ended: takes what has come.
  func finish() {
    read()
    state.withLock { close(&$0) }
  }

  private func setPaused(_ isPaused: Bool) async {
    await server.doOnLoop { [self] in
      state.withLock { state in
        state.isPaused = isPaused
        guard state.isOpen else { return }
        // Not only to look away: a hang-up is reported whether it is asked for or not.
        if isPaused, state.isRegistered {
          server.loop.deregister(socket)
          state.isRegistered = false
        } else if !isPaused {
          register(&state)
        }
      }
    }
  }

  private func register(_ state: inout State) {
    guard state.isOpen, !state.isPaused, !state.isRegistered else { return }
    state.isRegistered = (try? server.loop.register(socket, for: interest(state), Reader(self))) != nil
  }

  private func interest(_ state: State) -> Readiness {
    state.unsent.readableBytes > 0 ? [.readable, .writable] : .readable
  }

  fileprivate func ready(_ readiness: Readiness) {
    if readiness.isWritable {
      state.withLock { state in
        write(&state)
        if state.isRegistered { server.loop.change(socket, to: interest(state)) }
      }
    }
    if readiness.isReadable || readiness.isBroken { read() }
  }

  private func write(_ state: inout State) {
    while state.unsent.readableBytes > 0 {
      let count = state.unsent.withUnsafeReadableBytes { bytes in
        retryingOnInterrupt { Glibc.send(socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
      }
      guard count > 0 else {
        // The server has closed: what is left goes nowhere.
        if !isTemporary(errno) { state.unsent.clear() }
        return
      }
      state.unsent.moveReaderIndex(forwardBy: count)
      state.bytesSent += UInt64(count)
    }
  }

  private func read() {
    let hasRead = state.withLock { state -> Bool in
      guard state.isOpen, !state.isPaused else { return false }
      var hasRead = false
      while state.isOpen {
        var count = 0
        state.bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: 64 << 10) { bytes in
          count = retryingOnInterrupt { recv(socket, bytes.baseAddress, bytes.count, 0) }
          return max(0, count)
        }
        if count < 0, isTemporary(errno) { break }
        hasRead = true
        if count > 0 { state.bytesReceived += UInt64(count) } else { close(&state) }
      }
      takeMessages(&state)
      return hasRead
    }
    if hasRead { server.journal.changed() }
  }

  private func takeMessages(_ state: inout State) {
    guard state.fault == nil else { return }
    do throws(WireError) {
      while let message = try framing.next(&state.bytes, maxPacketSize: .max) { state.received.append(message) }
    } catch { state.fault = error }
    state.bytes.discardReadBytes()
  }

  private func close(_ state: inout State) {
    guard state.isOpen else { return }
    state.isOpen = false
    if state.isRegistered { server.loop.deregister(socket) }
    state.isRegistered = false
    _ = Glibc.close(socket)
  }
}

/// Brings what the loop has to say: the loop does not have to know the peer.
private final class Reader: ReadinessHandler {
  private let peer: TestPeer

  init(_ peer: TestPeer) { self.peer = peer }

  func ready(_ readiness: Readiness) { peer.ready(readiness) }
}
