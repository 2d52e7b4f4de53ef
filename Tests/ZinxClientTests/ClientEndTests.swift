import NIOCore
import Testing
import ZinxClient
import ZinxTestKit
import ZinxWire

@Suite("The end of a connection", .timeLimit(.minutes(1)))
struct ClientEndTests {
  @Test("by the peer ends the stream after the messages before it")
  func closedByPeer() async throws {
    let pair = try await Pair()
    try await pair.peer.write(FakePeer.frame(1, "one") + FakePeer.frame(2, "two"))
    pair.peer.close()
    var received: [Message] = []
    for try await message in pair.client.messages { received.append(message) }
    #expect(received == [Message(1, "one"), Message(2, "two")])
    #expect(pair.client.state == .closed(.closedByPeer))
  }

  @Test("fails requests under way and later calls with its reason")
  func failsRequests() async throws {
    let pair = try await Pair()
    let request = Task { () throws -> Void in _ = try await pair.client.request(1, bytes("?")) }
    _ = try await pair.peer.receive()
    pair.peer.close()
    #expect(await failure(of: request) == .closed(.closedByPeer))
    await #expect(throws: ClientError.closed(.closedByPeer)) { try await pair.client.send(1, bytes("")) }
    await #expect(throws: ClientError.closed(.closedByPeer)) { try await pair.client.request(1, bytes("")) }
  }

  @Test("in the middle of a message is an error after the messages before it", arguments: [1, 7, 8, 10])
  func truncated(_ count: Int) async throws {
    let pair = try await Pair()
    try await pair.peer.write(FakePeer.frame(1, "whole") + FakePeer.frame(2, "half").prefix(count))
    pair.peer.close()
    var messages = pair.client.messages.makeAsyncIterator()
    #expect(try await messages.next() == Message(1, "whole"))
    await #expect(throws: ClientError.closed(.truncated)) { try await messages.next() }
    #expect(try await messages.next() == nil)
  }

  @Test("comes on the header of a message that is too large, before its data")
  func oversize() async throws {
    var configuration = ClientConfiguration()
    configuration.maxPacketSize = 4
    let pair = try await Pair(configuration)
    let request = Task { () throws -> Void in _ = try await pair.client.request(9, bytes("?")) }
    _ = try await pair.peer.receive()
    try await pair.peer.write(Array(FakePeer.frame(9, "fives").prefix(8)))
    #expect(await failure(of: request) == .closed(.oversize(id: 9, length: 5)))
    #expect(pair.client.state == .closed(.oversize(id: 9, length: 5)))
  }

  @Test("by a reset is told apart from an orderly one")
  func reset() async throws {
    let pair = try await Pair()
    try pair.peer.reset()
    await #expect(throws: ClientError.closed(.reset)) { for try await _ in pair.client.messages {} }
    #expect(pair.client.state == .closed(.reset))
  }

  @Test("by close() sends what is queued, and lets the last replies in")
  func closeIsGraceful() async throws {
    let pair = try await Pair()
    async let reply = pair.client.request(1, bytes("last"))
    #expect(try await pair.peer.receive() == Message(1, "last"))
    async let closed: Void = pair.client.close()
    #expect(try await pair.peer.readToEnd() == [])
    #expect(pair.client.state == .closing)
    await #expect(throws: ClientError.closed(.closed)) { try await pair.client.send(1, bytes("too late")) }
    try await pair.peer.write(FakePeer.frame(1, "answer") + FakePeer.frame(2, "and more"))
    pair.peer.close()
    await closed
    #expect(try await reply == Message(1, "answer"))
    #expect(pair.client.state == .closed(.closed))
    var messages = pair.client.messages.makeAsyncIterator()
    #expect(try await messages.next() == Message(2, "and more"))
    #expect(try await messages.next() == nil)
  }

  @Test("by close() flushes a large message first")
  func closeFlushes() async throws {
    let pair = try await Pair()
    let large = ByteBuffer(repeating: 1, count: 24 << 20)
    let sending = Task { try await pair.client.send(1, large) }
    try await until { await pair.client.hasBacklog }
    async let closed: Void = pair.client.close()
    #expect(try await pair.peer.readToEnd().count == large.readableBytes + 8)
    try await sending.value
    pair.peer.close()
    await closed
    #expect(pair.client.state == .closed(.closed))
  }

  @Test("by close() does not wait for ever for a peer that stays")
  func closeTimesOut() async throws {
    var configuration = ClientConfiguration()
    configuration.closeTimeout = .milliseconds(1)
    let pair = try await Pair(configuration)
    await pair.client.close()
    #expect(pair.client.state == .closed(.abandoned))
    await pair.client.close()
  }

  @Test("comes when the client is let go of")
  func letGo() async throws {
    let server = try FakeServer()
    var client: Client? = try await Client.connect(host: "127.0.0.1", port: server.port)
    let peer = try await server.accept()
    try await client?.send(1, bytes("kept"))
    client = nil
    #expect(try await peer.readToEnd() == FakePeer.frame(1, "kept"))
  }
}
