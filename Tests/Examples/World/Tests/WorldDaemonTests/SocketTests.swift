import Glibc
import NIOCore
import Testing
import Zinx
import ZinxClient
import ZinxTesting

@testable import WorldDaemon

@Suite("The small world by TCP")
struct SocketTests {
  @Test(.timeLimit(.minutes(1)))
  func `a client that knows nothing but the bytes plays with one that knows the types`() async throws {
    let server = try await TestServer(.sockets, plugins: [try SmallWorld.configured(["Spread": 0])])
    let port = try #require(server.server.addresses.first?.port)
    let hand = try HandClient(port: port)
    // Id 1: field 1 is the number of the player, 1.
    #expect(try hand.receive() == [2, 0, 0, 0, 1, 0, 0, 0, 0x08, 1])
    // Id 200: field 1 the player, field 2 that it appears, field 4 where: x 160 and z 134, as floats.
    let place: [UInt8] = [0x0D, 0, 0, 0x20, 0x43, 0x1D, 0, 0, 0x06, 0x43]
    #expect(try hand.receive() == [16, 0, 0, 0, 200, 0, 0, 0, 0x08, 1, 0x10, 2, 0x22, 10] + place)
    #expect(try hand.receive() == [16, 0, 0, 0, 202, 0, 0, 0, 0x0A, 14, 0x08, 1, 0x12, 10] + place)

    let client = try await Client.connect(host: "127.0.0.1", port: port)
    #expect(try hand.receive().prefix(12) == [16, 0, 0, 0, 200, 0, 0, 0, 0x08, 2, 0x10, 2])
    // Id 2: "hi". Everybody gets it with id 200.
    try hand.send([4, 0, 0, 0, 2, 0, 0, 0, 0x0A, 2, 0x68, 0x69])
    #expect(try hand.receive() == [8, 0, 0, 0, 200, 0, 0, 0, 0x08, 1, 0x10, 1, 0x1A, 2, 0x68, 0x69])
    var messages = client.messages.makeAsyncIterator()
    var said: Broadcast?
    while said?.kind != .says, let message = try await messages.next() {
      if message.id == 200 { said = try message.value() }
    }
    #expect(said == .of(1, .says, "hi"))
    let moved = Position.with { ($0.x, $0.z) = (161, 135) }
    #expect(try await client.request(3, moved, as: Broadcast.self, replyID: 200) == .of(2, .moves, moved))
    await client.close()
    hand.leave()
    await server.stop()
  }
}

/// Sends and receives bytes.
private final class HandClient: Sendable {
  private let socket: Int32

  init(port: UInt16) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout.size(ofValue: limit)))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
    let size = socklen_t(MemoryLayout.size(ofValue: address))
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, size) }
    }
    try #require(result == 0)
  }

  deinit { close(socket) }

  func send(_ bytes: [UInt8]) throws { try #require(Glibc.send(socket, bytes, bytes.count, 0) == bytes.count) }

  func leave() { shutdown(socket, Int32(SHUT_RDWR)) }

  /// The next frame: its head of eight bytes, which begins with the length of the rest, and the rest.
  func receive() throws -> [UInt8] {
    let head = try read(8)
    return head + (try read(Int(head[0])))
  }

  private func read(_ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try #require(recv(socket, &bytes, count, Int32(MSG_WAITALL)) == count)
    return bytes
  }
}
