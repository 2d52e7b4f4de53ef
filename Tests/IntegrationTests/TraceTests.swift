import NIOCore
import Testing
import Zinx
import ZinxTLS
import ZinxTestKit
import ZinxWire

@Suite(.timeLimit(.minutes(1))) struct `A trace of a connection` {
  /// Follows the first connection from when its event loop has heard of it.
  private func follow(_ server: TestServer) async throws -> Trace {
    let trace = server.server.trace(TraceLimits())
    #expect(trace.follow(try await server.connection()) == .begun)
    try await server.loopsAnswer()
    return trace
  }

  private func seen(_ trace: Trace) -> [String] {
    trace.take().messages.map {
      "\($0.direction.rawValue) \($0.id.map { "\($0)" } ?? "-") \(String(decoding: $0.data, as: UTF8.self))"
    }
  }

  @Test(arguments: pools) func `shows what came and what went, in this order`(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let trace = try await follow(server)
      defer { trace.end() }
      #expect(try await peer.exchange(RawFrame(7, "one")).text == "one")
      try await server.connection().sendMsg(9, ByteBuffer(string: "unasked"))
      #expect(try await peer.receive(15).suffix(7).elementsEqual(Array("unasked".utf8)))
      #expect(seen(trace) == ["in 7 one", "out 7 one", "out 9 unasked"])
      trace.end()
      try await server.loopsAnswer()
      #expect(try await peer.exchange(RawFrame(7, "two")).text == "two")
      #expect(seen(trace).isEmpty)
    }
  }

  @Test(arguments: pools) func `sees into sessions of TLS`(workers: Int) async throws {
    try await TestServer.run(.tls(workers: workers), register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectTLS()
      let trace = try await follow(server)
      defer { trace.end() }
      #expect(try await peer.exchange(RawFrame(7, "sealed")).text == "sealed")
      #expect(seen(trace) == ["in 7 sealed", "out 7 sealed"])
    }
  }

  @Test(arguments: pools) func `sees the messages of a WebSocket, and not its frames`(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) {
      var endpoint = Endpoint(name: "web", .tcp(host: "127.0.0.1", port: 0))
      endpoint.transport = .webSocket
      $0.endpoints = [endpoint]
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = WebSocketPeer(try server.connect())
      try await peer.upgrade()
      let trace = try await follow(server)
      defer { trace.end() }
      try await peer.send(WebSocketPeer.frame(0x89, [1]))
      let long = String(repeating: "x", count: 300)
      for text in ["framed", long] { try await peer.sendMessage(RawFrame(7, text).bytes()) }
      // The pong, and the answers.
      #expect(try await peer.frame().payload == [1])
      for text in ["framed", long] { #expect(try await peer.message().text == text) }
      try await server.connection().sendMsg(9, ByteBuffer(string: "unasked"))
      #expect(try await peer.message().text == "unasked")
      let part = String(repeating: "x", count: 64)
      #expect(seen(trace).sorted() == ["in 7 framed", "in 7 \(part)", "out 7 framed", "out 7 \(part)", "out 9 unasked"].sorted())
    }
  }
}
