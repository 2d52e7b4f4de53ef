import Testing
import Zinx
import ZinxClient

/// A file that imports both sides: no name of one hides one of the other.
@Suite("A program with a server and a client")
struct BothSidesTests {
  @Test("names what both sides have without a word about the module", .timeLimit(.minutes(1)))
  func names() async throws {
    try await TestServer.run { test in
      let client = try await Client.connect(host: "127.0.0.1", port: test.port)
      await client.close()
      let ours: Client.CloseReason = .closed
      #expect(client.state == .closed(ours))
      #expect(ClientError.closed(ours) == .closed(.closed))
      await test.server.drain(timeout: .seconds(5))
      let (connection, theirs): (Connection, CloseReason) = try #require(test.ended.first)
      #expect(theirs == .peerClosed)
      let address: SocketAddress = connection.remoteAddress
      #expect(address.port != 0)
    }
  }
}
