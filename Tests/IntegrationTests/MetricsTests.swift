import NIOCore
import Testing
import Zinx
import ZinxTestKit

@Suite("Metrics of a server that runs", .timeLimit(.minutes(1)))
struct MetricsTests {
  private static func value(_ sample: String, _ server: TestServer) -> String? {
    OpenMetrics.text(server.server.metrics).split(separator: "\n").first { $0.hasPrefix(sample + " ") }.map {
      String($0.dropFirst(sample.count + 1))
    }
  }

  @Test("count each message once, from the wire to the text, whatever runs the handlers", arguments: [0, 2])
  func messages(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(7) { request in try request.echo() }
    } use: { server in
      let peers = try (0..<3).map { _ in try server.connect() }
      for round in 0..<100 {
        for peer in peers { #expect(try await peer.exchange(RawFrame(7, "round \(round)")).text == "round \(round)") }
      }
      try await until { Self.value("zinx_messages_received_total", server) == "300" }
      #expect(Self.value("zinx_messages_sent_total", server) == "300")
      let bytes = 3 * (10 * 15 + 90 * 16)
      #expect(Self.value("zinx_received_bytes_total", server) == "\(bytes)")
      #expect(Self.value("zinx_sent_bytes_total", server) == "\(bytes)")
      #expect(Self.value("zinx_connections", server) == "3")
      #expect(Self.value("zinx_connections_accepted_total", server) == "3")
      #expect(Self.value(#"zinx_listener_connections_accepted_total{listener="zinx"}"#, server) == "3")
      #expect(Self.value("zinx_workers", server) == "\(workers)")
    }
  }

  @Test(
    "time one batch in 67 of each thread, in handlers that do not wait, that do, and on the way to a worker", arguments: [0, 1])
  func times(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.ioThreads = 1 }
    try await TestServer.run(configuration) { routes in
      routes.route(7) { request in try request.echo() }
      routes.route(8) { (request: Request) async throws in
        await Task.yield()
        try await request.connection.sendMsg(8, request.data)
      }
    } use: { server in
      let peer = try server.connect()
      for id in [UInt32(7), 8] {
        for _ in 0..<67 { _ = try await peer.exchange(RawFrame(id, "x")) }
        let count = id == 7 ? "1" : "2"
        try await until { Self.value("zinx_handler_seconds_count", server) == count }
      }
      // The hook that begins a connection is handed to its worker too, where there is one.
      let queued = Self.value("zinx_queue_seconds_count", server)
      #expect(workers == 0 ? queued == "0" : queued == "2")
    }
  }

  @Test(arguments: [0, 1])
  func `tell routes apart: messages and times by samples, failures one by one`(workers: Int) async throws {
    struct Failed: Error {}
    let configuration = ServerConfiguration.test(workers: workers) { $0.ioThreads = 1 }
    try await TestServer.run(configuration) { routes in
      routes.route(7) { request in try request.echo() }
      routes.route(8) { (request: Request) async throws in
        await Task.yield()
        try await request.connection.sendMsg(8, request.data)
      }
      routes.route(100...199) { request in
        try request.echo()
        throw Failed()
      }
    } use: { server in
      func route(_ ids: MessageIDs) -> RouteInfo? { server.server.routes.first { $0.ids == ids } }
      let peer = try server.connect()
      for id in [UInt32(7), 8] {
        // Each is a batch of its own, so one of them is looked at.
        for _ in 0..<67 { _ = try await peer.exchange(RawFrame(id, "x")) }
        try await until { route(.id(id))?.handling?.count == 1 }
        #expect(route(.id(id))?.messages == 67)
      }
      for _ in 0..<5 { _ = try await peer.exchange(RawFrame(150, "x")) }
      try await until { route(.range(100...199))?.failures == 5 }
      #expect(route(7)?.failures == 0 && route(8)?.failures == 0)
      // The hook that begins a connection is the first piece of work for a worker.
      try await until { (route(7)?.queueing?.count ?? 0) == UInt64(workers) }
      #expect(Self.value(#"zinx_route_messages_total{ids="7",plugin="server"}"#, server) == "67")
      #expect(Self.value(#"zinx_route_handler_seconds_count{ids="8",plugin="server"}"#, server) == "1")
    }
  }
}
