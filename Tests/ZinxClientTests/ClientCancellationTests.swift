import NIOCore
import Testing
import ZinxClient
import ZinxTestKit
import ZinxWire

@Suite("Cancelling a task", .timeLimit(.minutes(1)))
struct ClientCancellationTests {
  @Test("ends its request at once; the reply is not taken for that of the next request")
  func request() async throws {
    let pair = try await Pair()
    let first = Task { () throws -> Void in
      _ = try await pair.client.request(1, bytes("first"), timeout: .seconds(3600))
    }
    _ = try await pair.peer.receive()
    first.cancel()
    #expect(await failure(of: first) == .cancelled)
    async let second = pair.client.request(1, bytes("second"))
    _ = try await pair.peer.receive()
    try await pair.peer.write(FakePeer.frame(1, "to the first") + FakePeer.frame(1, "to the second"))
    #expect(try await second == Message(1, "to the second"))
  }

  @Test("ends its wait for messages, and the next message reaches another task")
  func messages() async throws {
    let pair = try await Pair()
    let reader = Task { () throws -> Void in
      var messages = pair.client.messages.makeAsyncIterator()
      _ = try await messages.next()
    }
    try await until { await pair.client.hasReader }
    reader.cancel()
    #expect(await failure(of: reader) == .cancelled)
    try await pair.peer.send(1, "kept")
    var messages = pair.client.messages.makeAsyncIterator()
    #expect(try await messages.next() == Message(1, "kept"))
  }

  @Test("takes back a message of which nothing has been sent, and lets one go on that is half sent")
  func send() async throws {
    let pair = try await Pair()
    let large = ByteBuffer(repeating: 7, count: 24 << 20)
    let half = Task { () throws -> Void in try await pair.client.send(1, large) }
    try await until { await pair.client.hasBacklog }
    let queued = Task { () throws -> Void in try await pair.client.send(2, bytes("never")) }
    queued.cancel()
    #expect(await failure(of: queued) == .cancelled)
    half.cancel()
    #expect(await failure(of: half) == .cancelled)
    async let third: Void = pair.client.send(3, bytes("third"))
    #expect(try await pair.peer.receive() == Message(id: 1, data: large))
    #expect(try await pair.peer.receive() == Message(3, "third"))
    try await third
  }

  @Test("before a call keeps the call from sending anything")
  func beforehand() async throws {
    let pair = try await Pair()
    let task = Task { () throws -> Void in
      while !Task.isCancelled { await Task.yield() }
      try await pair.client.send(1, bytes("never"))
    }
    task.cancel()
    #expect(await failure(of: task) == .cancelled)
    try await pair.client.send(2, bytes("only"))
    #expect(try await pair.peer.receive() == Message(2, "only"))
  }

  @Test("that closes a client closes it at once")
  func close() async throws {
    let pair = try await Pair()
    let task = Task { await pair.client.close() }
    #expect(try await pair.peer.readToEnd() == [])
    task.cancel()
    await task.value
    #expect(pair.client.state == .closed(.abandoned))
  }

  @Test("that connects ends it at once")
  func connect() async throws {
    let full = try await FullServer()
    let task = Task { () throws -> Void in
      var configuration = ClientConfiguration()
      configuration.connectTimeout = .seconds(3600)
      _ = try await Client.connect(host: "127.0.0.1", port: full.port, configuration: configuration)
    }
    for _ in 0..<100 { await Task.yield() }
    task.cancel()
    #expect(await failure(of: task) == .cancelled)
  }
}
