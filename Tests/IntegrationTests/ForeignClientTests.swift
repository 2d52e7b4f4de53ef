import NIOCore
import Testing
import Zinx
import ZinxClient
import ZinxTestKit
import ZinxWire

@Suite("A client that speaks frames of others", .timeLimit(.minutes(1)))
struct ForeignClientTests {
  @Test("sends whole frames and gets whole frames, with the id that is in them", arguments: pools)
  func lengthField(workers: Int) async throws {
    try await TestServer.run(FramingTests.configuration(Foreign.simple, workers), register: FramingTests.echoes) { server in
      let configuration = ClientConfiguration(framing: Foreign.simple)
      #expect(configuration.heartbeat == nil)
      let client = try await Client.connect(host: "127.0.0.1", port: server.port, configuration: configuration)
      let frame = ByteBuffer(bytes: Foreign.frame(2, "hello"))
      let reply = try await client.request(2, frame, timeout: .seconds(10))
      #expect(reply == Message(id: 2, data: frame))
      await #expect(throws: ClientError.cannotEncode(reason: "the frame is empty")) { try await client.send(2, ByteBuffer()) }
      await client.close()
    }
  }

  @Test("has its codec make frames of what it sends", arguments: pools)
  func codec(workers: Int) async throws {
    let configuration = FramingTests.configuration(.codec(HTLVCodec()), workers)
    try await TestServer.run(configuration, register: FramingTests.echoes) { server in
      let client = try await Client.connect(
        host: "127.0.0.1", port: server.port, configuration: ClientConfiguration(framing: .codec(HTLVCodec())))
      for text in ["", "a", String(repeating: "x", count: 255)] {
        let reply = try await client.request(1, ByteBuffer(string: text), timeout: .seconds(10))
        #expect(reply.data.text == text)
      }
      await client.close()
    }
  }

  @Test("is told why a server's bytes were no frame")
  func refused() async throws {
    let configuration = FramingTests.configuration(Foreign.simple, 0)
    let register: (inout RouteRegistrar) -> Void = { routes in
      routes.route(1) { request in try request.connection.trySendRaw(ByteBuffer(bytes: [0, 0, 1])) }
    }
    try await TestServer.run(configuration, register: register) { server in
      let client = try await Client.connect(
        host: "127.0.0.1", port: server.port, configuration: ClientConfiguration(framing: Foreign.simple))
      let reason = Client.CloseReason.badFrame("a length that is shorter than the frame's own fields")
      await #expect(throws: ClientError.closed(reason)) {
        try await client.request(1, ByteBuffer(bytes: Foreign.frame(1, "x")), timeout: .seconds(10))
      }
    }
  }
}
