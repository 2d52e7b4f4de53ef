import NIOCore
import Synchronization
import ZinxWire

/// A client that connects again whenever its connection is lost.
///
/// ```swift
/// let client = ReconnectingClient(host: "127.0.0.1", port: 7777)
/// await client.run { event in
///   if case .message(let message) = event { print(message.id, message.data.readableBytes) }
/// }
/// ```
///
/// Nothing is ever sent a second time: what was under way when the connection ended fails with ``ClientError/closed(_:)``, and whoever
/// sent it knows whether it may be repeated.
public final class ReconnectingClient: Sendable {
  public enum Event: Sendable {
    case connected
    /// A message that answers no request.
    case message(Message)
    /// The connection ended, or an attempt failed. Nil means there will be no other attempt.
    case disconnected(ClientError, retryIn: Duration?)
  }

  private struct State {
    var client: Client?
    /// Ends an attempt or a pause before its time.
    var hurry: (@Sendable () -> Void)?
    /// An attempt is under way.
    var isConnecting = false
    /// The next attempt is to begin at once.
    var isHurried = false
    var isRunning = false
    var isClosed = false
  }

  private let server: ServerAddress
  private let configuration: ClientConfiguration
  private let backOff: Reconnect
  private let state = Mutex(State())

  /// Makes a client of a server that speaks plain TCP.
  public convenience init(
    host: String, port: UInt16, configuration: ClientConfiguration = ClientConfiguration(), reconnect: Reconnect = Reconnect()
  ) {
    self.init(to: ServerAddress(host: host, port: port), configuration: configuration, reconnect: reconnect)
  }

  /// Makes a client that connects once it is ``run(_:)``.
  public init(
    to server: ServerAddress, configuration: ClientConfiguration = ClientConfiguration(), reconnect: Reconnect = Reconnect()
  ) {
    self.server = server
    self.configuration = configuration
    backOff = reconnect
  }

  /// Connects, and connects again, until ``close()`` or cancellation. Each event is handled before the next one is fetched, so a slow
  /// `handle` slows the server down, not this process's memory. It may send and make requests. To be called once.
  public func run(_ handle: (Event) async -> Void) async {
    precondition(!state.withLock { exchange(&$0.isRunning, with: true) }, "run() was called twice")
    var backOff = backOff
    var random = SystemRandomNumberGenerator()
    while true {
      let (failure, held) = await attempt(handle)
      guard !isOver else { return await handle(.disconnected(failure, retryIn: nil)) }
      let pause = backOff.delay(afterHolding: held, using: &random)
      let delay = state.withLock { $0.isHurried } ? .zero : pause
      await handle(.disconnected(failure, retryIn: delay))
      await untilClosed(orHurried: true) { try? await Task.sleep(for: delay) }
      if isOver { return }
    }
  }

  /// Sends a message on the connection of the moment, as ``Client/send(_:_:)`` does.
  ///
  /// - Throws: ``ClientError/notConnected`` also.
  public func send(_ id: UInt32, _ data: ByteBuffer) async throws(ClientError) {
    try await current().send(id, data)
  }

  /// Makes a request on the connection of the moment, as ``Client/request(_:_:replyID:timeout:)`` does.
  ///
  /// - Throws: ``ClientError/notConnected`` also.
  public func request(
    _ id: UInt32, _ data: ByteBuffer, replyID: UInt32? = nil, timeout: Duration = .seconds(5)
  ) async throws(ClientError) -> Message {
    try await current().request(id, data, replyID: replyID, timeout: timeout)
  }

  /// Closes the connection as ``Client/close()`` does, for good; ``run(_:)`` then returns.
  public func close() async {
    let (client, hurry) = state.withLock { state in
      state.isClosed = true
      return (state.client, state.hurry)
    }
    hurry?()
    await client?.close()
  }

  /// Lets go of the connection of the moment, without waiting for the server, and connects again at once: for whoever knows better than
  /// the socket, as when the network has changed. A pause between two attempts ends; an attempt that is under way goes on.
  ///
  /// What was under way on the connection fails with ``Client/CloseReason/abandoned``.
  public func reconnect() {
    let (client, hurry) = state.withLock { state in
      guard !state.isClosed, !state.isConnecting else { return (nil as Client?, nil as (@Sendable () -> Void)?) }
      state.isHurried = true
      return (state.client, state.hurry)
    }
    hurry?()
    client?.abandon()
  }

  // MARK: One connection

  /// Holds one connection to its end. Returns why it ended and how long it was held, nil when it did not come about.
  private func attempt(_ handle: (Event) async -> Void) async -> (ClientError, held: Duration?) {
    let client: Client
    do { client = try await connect() } catch { return (error, nil) }
    let start = ContinuousClock.now
    await handle(.connected)
    let failure = await forward(client, handle)
    state.withLock { $0.client = nil }
    return (failure, start.duration(to: .now))
  }

  private func connect() async throws(ClientError) -> Client {
    state.withLock { ($0.isConnecting, $0.isHurried) = (true, false) }
    defer { state.withLock { $0.isConnecting = false } }
    let result = await untilClosed { [self] in
      do throws(ClientError) {
        return Result<Client, ClientError>.success(try await Client.connect(to: server, configuration: configuration))
      } catch {
        return .failure(error)
      }
    }
    let client = try result.get()
    // close() may have come in between: it has then not seen this connection, which is let go of.
    let isKept = state.withLock { state in
      if !state.isClosed { state.client = client }
      return !state.isClosed
    }
    guard isKept else { throw .closed(.closed) }
    return client
  }

  private func forward(_ client: Client, _ handle: (Event) async -> Void) async -> ClientError {
    do {
      for try await message in client.messages { await handle(.message(message)) }
    } catch {
      return error
    }
    guard case .closed(let reason) = client.state else { return .closed(.closed) }
    return .closed(reason)
  }

  // MARK: State

  private var isOver: Bool { Task.isCancelled || state.withLock { $0.isClosed } }

  private func current() throws(ClientError) -> Client {
    guard let client = state.withLock({ $0.client }) else { throw .notConnected }
    return client
  }

  /// Does some work in a task that ``close()`` cancels, and ``reconnect()`` if that is asked for.
  private func untilClosed<Value: Sendable>(
    orHurried: Bool = false, _ work: @escaping @Sendable () async -> Value
  ) async -> Value {
    let task = Task { await work() }
    let isOver = state.withLock { state in
      state.hurry = { task.cancel() }
      return state.isClosed || orHurried && state.isHurried
    }
    if isOver { task.cancel() }
    defer { state.withLock { $0.hurry = nil } }
    return await withTaskCancellationHandler {
      await task.value
    } onCancel: {
      task.cancel()
    }
  }
}

private func exchange<Value>(_ value: inout Value, with new: Value) -> Value {
  defer { value = new }
  return value
}
