import NIOCore
import Testing
import ZinxClient
import ZinxTestKit
import ZinxWire

@Suite("A client that reconnects", .timeLimit(.minutes(1)))
struct ReconnectingClientTests {
  typealias Event = ReconnectingClient.Event

  /// A client at work, and what it tells.
  private struct Running {
    let client: ReconnectingClient
    let task: Task<Void, Never>
    let events: AsyncStream<Event>

    init(
      port: UInt16, base: Duration = .milliseconds(1), configuration: ClientConfiguration = ClientConfiguration()
    ) {
      let client = ReconnectingClient(
        host: "127.0.0.1", port: port, configuration: configuration,
        reconnect: Reconnect(base: base, cap: base, resetAfter: .zero))
      let (events, continuation) = AsyncStream<Event>.makeStream()
      self.client = client
      self.events = events
      task = Task {
        await client.run { continuation.yield($0) }
        continuation.finish()
      }
    }
  }

  @Test("comes back after the server went away, and tells each step")
  func comesBack() async throws {
    var server: FakeServer? = try FakeServer()
    let port = try #require(server?.port)
    let running = Running(port: port)
    var events = running.events.makeAsyncIterator()
    var peer = try await server?.accept()
    #expect(await events.next().isConnected)

    try await peer?.send(2, "hello")
    #expect(await events.next()?.message == Message(2, "hello"))
    server = nil
    peer?.close()
    #expect(await events.next()?.failure == .closed(.closedByPeer))
    #expect(await events.next()?.failure == .connectionFailed(endpoint: "127.0.0.1:\(port)", reason: "Connection refused"))

    server = try FakeServer(port: port)
    peer = try await server?.accept()
    while let event = await events.next(), !event.isConnected {}
    async let reply = running.client.request(1, bytes("?"))
    #expect(try await peer?.receive() == Message(1, "?"))
    try await peer?.send(1, "!")
    #expect(try await reply == Message(1, "!"))
    running.task.cancel()
    await running.task.value
  }

  @Test("fails what was under way, and does not send it again")
  func nothingIsResent() async throws {
    let server = try FakeServer()
    let running = Running(port: server.port)
    var events = running.events.makeAsyncIterator()
    let first = try await server.accept()
    #expect(await events.next().isConnected)
    let request = Task { () throws -> Void in _ = try await running.client.request(1, bytes("once")) }
    #expect(try await first.receive() == Message(1, "once"))
    first.close()
    #expect(await failure(of: request) == .closed(.closedByPeer))

    let second = try await server.accept()
    while let event = await events.next(), !event.isConnected {}
    try await running.client.send(2, bytes("new"))
    #expect(try await second.receive() == Message(2, "new"))
    running.task.cancel()
    await running.task.value
  }

  @Test("has nothing to send on while it is not connected")
  func notConnected() async throws {
    let running = Running(port: try FakeServer().port, base: .seconds(3600))
    var events = running.events.makeAsyncIterator()
    guard case .disconnected(.connectionFailed, retryIn: .some) = await events.next() else {
      Issue.record("connected to nothing")
      return
    }
    await #expect(throws: ClientError.notConnected) { try await running.client.send(1, bytes("")) }
    await #expect(throws: ClientError.notConnected) { try await running.client.request(1, bytes("")) }
    await running.client.close()
    await running.task.value
  }

  @Test("closed for good ends, whether it holds a connection, waits, or has not begun", arguments: ["held", "waiting", "new"])
  func closes(_ moment: String) async throws {
    let server = try FakeServer()
    if moment == "new" {
      let client = ReconnectingClient(host: "127.0.0.1", port: server.port)
      await client.close()
      return await client.run { event in if case .connected = event { Issue.record("connected") } }
    }
    let running = Running(port: server.port, base: .seconds(3600))
    var events = running.events.makeAsyncIterator()
    let peer = try await server.accept()
    #expect(await events.next().isConnected)
    if moment == "waiting" {
      peer.close()
      #expect(await events.next()?.failure == .closed(.closedByPeer))
    }
    async let closed: Void = running.client.close()
    if moment == "held" {
      #expect(try await peer.readToEnd() == [])
      peer.close()
    }
    await closed
    await running.task.value
  }

  @Test("lets go of its connection when it is told to, and comes back without a pause")
  func reconnects() async throws {
    let server = try FakeServer()
    let running = Running(port: server.port, base: .seconds(3600))
    var events = running.events.makeAsyncIterator()
    let first = try await server.accept()
    #expect(await events.next().isConnected)
    running.client.reconnect()
    #expect(try await first.readToEnd() == [])
    #expect(await events.next()?.failure == .closed(.abandoned))
    let second = try await server.accept()
    #expect(await events.next().isConnected)
    // Lost, it waits for an hour, unless it is told not to.
    second.close()
    #expect(await events.next()?.failure == .closed(.closedByPeer))
    running.client.reconnect()
    let third = try await server.accept()
    #expect(await events.next().isConnected)
    try await running.client.send(1, bytes("here"))
    #expect(try await third.receive() == Message(1, "here"))
    running.task.cancel()
    await running.task.value
  }

  @Test("that is closed stays so when it is told to come back")
  func closedForGood() async throws {
    let server = try FakeServer()
    let running = Running(port: server.port)
    var events = running.events.makeAsyncIterator()
    let peer = try await server.accept()
    #expect(await events.next().isConnected)
    async let closed: Void = running.client.close()
    #expect(try await peer.readToEnd() == [])
    peer.close()
    await closed
    running.client.reconnect()
    await running.task.value
  }

  @Test("comes back from a server that hangs, as soon as its heartbeat is lost")
  func hangs() async throws {
    var configuration = ClientConfiguration()
    configuration.heartbeat = .init(interval: .milliseconds(50), timeout: .milliseconds(200))
    let server = try FakeServer()
    let running = Running(port: server.port, configuration: configuration)
    var events = running.events.makeAsyncIterator()
    let hanging = try await server.accept()
    #expect(await events.next().isConnected)
    #expect(await events.next()?.failure == .closed(.heartbeatLost))
    let good = try await server.accept()
    #expect(await events.next().isConnected)
    try await good.send(2, "hello")
    #expect(await events.next()?.message == Message(2, "hello"))
    running.task.cancel()
    await running.task.value
    _ = hanging
  }

  @Test("ends when its task is cancelled while it waits")
  func cancelled() async throws {
    let running = Running(port: try FakeServer().port, base: .seconds(3600))
    var events = running.events.makeAsyncIterator()
    _ = await events.next()
    running.task.cancel()
    await running.task.value
  }
}

extension ReconnectingClient.Event? {
  fileprivate var isConnected: Bool { self?.isConnected ?? false }
}

extension ReconnectingClient.Event {
  fileprivate var isConnected: Bool { if case .connected = self { true } else { false } }

  fileprivate var message: Message? { if case .message(let message) = self { message } else { nil } }

  fileprivate var failure: ClientError? { if case .disconnected(let error, _) = self { error } else { nil } }
}
