import NIOCore
import Testing
import Zinx
import ZinxPlugins
import ZinxTestKit

@Suite("A broadcast", .timeLimit(.minutes(1)))
struct BroadcastTests {
  static func plugin() -> [any RoutePlugin] {
    PluginRegistry(bundledPlugins).make("broadcast", nil).map { [$0.plugin] } ?? []
  }

  @Test("a broadcast reaches every connection, the sender included, in order", arguments: pools)
  func all(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), plugins: Self.plugin()) { server in
      let peers = try (0..<10).map { _ in try server.connect() }
      _ = try await server.connection(9)
      for number in 0..<20 { try await peers[0].send(RawFrame(4, "news \(number)")) }
      for peer in peers { #expect(try await peer.frames(20).map(\.text) == (0..<20).map { "news \($0)" }) }
    }
  }

  @Test("one peer with a full queue keeps it from nobody, and gets it when it reads", arguments: pools)
  func full(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxMsgChanLen = 4 }
    try await TestServer.run(configuration, plugins: Self.plugin()) { server in
      let slow = try server.connect(receiveBuffer: 64 << 10)
      let connection = try await server.connection(0)
      let peers = try (1...5).map { _ in try server.connect() }
      _ = try await server.connection(5)
      let sent = try SendingTests.fill(connection)
      try await peers[0].send(RawFrame(4, "news"))
      for peer in peers { #expect(try await peer.frame() == RawFrame(4, "news")) }
      #expect(try await slow.frames(sent + 1).last == RawFrame(4, "news"))
    }
  }

  @Test("connections that come and go meanwhile do not disturb it", arguments: pools)
  func churn(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), plugins: Self.plugin()) { server in
      let peer = try server.connect()
      _ = try await server.connection(0)
      for number in 0..<100 {
        let guests = [try server.connect(), try server.connect()]
        try await peer.send(RawFrame(4, "\(number)"))
        if number % 2 == 0 { guests[0].reset() } else { guests[1].close() }
        #expect(try await peer.frame().text == "\(number)")
      }
    }
  }
}
