import NIOCore
import Testing
import ZinxClient
import ZinxTestKit
import ZinxWire

@Suite("A connected client", .timeLimit(.minutes(1)))
struct ClientExchangeTests {
  @Test("sends requests and reads replies in every order of the header", arguments: DataPack.allCases)
  func everyPack(_ pack: DataPack) async throws {
    let pair = try await Pair(ClientConfiguration(pack: pack))
    async let reply = pair.client.request(7, bytes("question"))
    #expect(try await pair.peer.receive(pack) == Message(7, "question"))
    try await pair.peer.send(7, "answer", pack)
    #expect(try await reply == Message(7, "answer"))
  }

  @Test("writes the frame that the protocol says, byte for byte")
  func goldenBytes() async throws {
    let pair = try await Pair()
    try await pair.client.send(2, bytes("ping...ping...ping"))
    #expect(try await pair.peer.read(26) == [0x12, 0, 0, 0, 2, 0, 0, 0] + Array("ping...ping...ping".utf8))
  }

  @Test("understands a reply that comes one byte at a time")
  func byteByByte() async throws {
    let pair = try await Pair()
    async let reply = pair.client.request(1, bytes("?"))
    _ = try await pair.peer.receive()
    for byte in FakePeer.frame(1, "slowly") { try await pair.peer.write([byte]) }
    #expect(try await reply == Message(1, "slowly"))
  }

  @Test("tells replies apart that come glued together")
  func glued() async throws {
    let pair = try await Pair()
    async let first = pair.client.request(1, bytes("a"))
    #expect(try await pair.peer.receive() == Message(1, "a"))
    async let second = pair.client.request(1, bytes("b"))
    #expect(try await pair.peer.receive() == Message(1, "b"))
    try await pair.peer.write(FakePeer.frame(1, "A") + FakePeer.frame(1, "B"))
    #expect(try await first == Message(1, "A"))
    #expect(try await second == Message(1, "B"))
  }

  @Test("passes on what nobody asked for, and still finds the reply behind it")
  func unsolicited() async throws {
    let pair = try await Pair()
    async let reply = pair.client.request(0, bytes("ping"))
    _ = try await pair.peer.receive()
    try await pair.peer.write(FakePeer.frame(2, "DoConnection BEGIN...") + FakePeer.frame(0, "ping...ping...ping"))
    #expect(try await reply == Message(0, "ping...ping...ping"))
    var messages = pair.client.messages.makeAsyncIterator()
    #expect(try await messages.next() == Message(2, "DoConnection BEGIN..."))
  }

  @Test("takes a reply of another id when told so")
  func otherReplyID() async throws {
    let pair = try await Pair()
    async let reply = pair.client.request(10, bytes(""), replyID: 11)
    #expect(try await pair.peer.receive() == Message(10, ""))
    try await pair.peer.write(FakePeer.frame(10, "no") + FakePeer.frame(11, "yes"))
    #expect(try await reply == Message(11, "yes"))
  }

  @Test("keeps ids and lengths at the ends of their ranges", arguments: [0, 1, UInt32.max])
  func extremes(_ id: UInt32) async throws {
    let pair = try await Pair()
    async let reply = pair.client.request(id, ByteBuffer())
    #expect(try await pair.peer.receive() == Message(id, ""))
    try await pair.peer.send(id, "")
    #expect(try await reply == Message(id, ""))
  }

  @Test("sends a large message whole to a peer that reads late, and the next one behind it")
  func largeMessage() async throws {
    let pair = try await Pair()
    let large = ByteBuffer(repeating: 0x5a, count: 24 << 20)
    let first = Task { try await pair.client.send(1, large) }
    let second = Task {
      try await until { await pair.client.hasBacklog }
      try await pair.client.send(2, bytes("small"))
    }
    try await until { await pair.client.hasBacklog }
    #expect(try await pair.peer.receive() == Message(id: 1, data: large))
    #expect(try await pair.peer.receive() == Message(2, "small"))
    try await first.value
    try await second.value
  }

  @Test("gives up a request after its time, and drops the reply that comes too late")
  func timeOut() async throws {
    let pair = try await Pair()
    await #expect(throws: ClientError.timedOut(after: .milliseconds(1))) {
      try await pair.client.request(1, bytes("first"), timeout: .milliseconds(1))
    }
    async let second = pair.client.request(1, bytes("second"))
    _ = try await pair.peer.receive()
    _ = try await pair.peer.receive()
    try await pair.peer.write(FakePeer.frame(1, "to the first") + FakePeer.frame(1, "to the second"))
    #expect(try await second == Message(1, "to the second"))
  }

  @Test("accepts a message of exactly the largest size")
  func largestSize() async throws {
    var configuration = ClientConfiguration()
    configuration.maxPacketSize = 4
    let pair = try await Pair(configuration)
    try await pair.peer.send(1, "four")
    var messages = pair.client.messages.makeAsyncIterator()
    #expect(try await messages.next() == Message(1, "four"))
  }
}
