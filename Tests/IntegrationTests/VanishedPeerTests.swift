import Glibc
import NIOCore
import Testing
import ZinxTestKit

@testable import Zinx

/// What the kernel is asked to look after. That it does is shown where a line can be cut: Tests/e2e/vanish.
@Suite("Watching for peers that vanish", .timeLimit(.minutes(1)))
struct VanishedPeerTests {
  /// SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_USER_TIMEOUT.
  private func options(of connection: Connection) -> [Int32] {
    let tcp = Int32(IPPROTO_TCP)
    return [(SOL_SOCKET, SO_KEEPALIVE), (tcp, TCP_KEEPIDLE), (tcp, TCP_KEEPINTVL), (tcp, TCP_USER_TIMEOUT)].map { level, name in
      var value: Int32 = -1
      var length = socklen_t(MemoryLayout.size(ofValue: value))
      getsockopt(connection.descriptor, level, name, &value, &length)
      return value
    }
  }

  @Test(
    "an accepted connection is watched as the listener was told",
    arguments: [(120, [1, 60, 10, 120_000]), (30, [1, 15, 2, 30_000])], [false, true])
  func inherited(form: (seconds: Int, options: [Int32]), isPassed: Bool) async throws {
    let test = try TestServer(.test { $0.vanishedTimeout = .seconds(form.seconds) })
    let passed = isPassed ? [try ServerLifeTests.listeningSocket()] : []
    try await test.server.start(listeningOn: passed)
    let peer = try RawPeer(port: try #require(test.server.addresses.first?.port))
    #expect(options(of: try await test.connection()) == form.options)
    peer.close()
    #expect(try await test.reason() == .peerClosed)
    await test.server.drain(timeout: .seconds(5))
  }

  @Test("zero watches nobody")
  func off() async throws {
    try await TestServer.run(.test { $0.vanishedTimeout = .zero }) { server in
      let peer = try server.connect()
      let options = options(of: try await server.connection())
      #expect(options.first == 0 && options.last == 0)
      _ = peer
    }
  }

  @Test("a reload holds for connections that come after it")
  func reload() async throws {
    try await TestServer.run { server in
      let first = try server.connect()
      let old = try await server.connection(0)
      server.server.apply(.test { $0.vanishedTimeout = .seconds(30) })
      try await server.loopsAnswer()
      let second = try server.connect()
      #expect(options(of: try await server.connection(1)) == [1, 15, 2, 30_000])
      #expect(options(of: old) == [1, 60, 10, 120_000])
      _ = (first, second)
    }
  }

  @Test("a peer that the kernel gives up because it takes nothing, though it answers, is a slow consumer", arguments: pools)
  func zeroWindow(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) {
      $0.slowConsumerTimeout = .seconds(3600)
      $0.vanishedTimeout = .seconds(2)
    }
    try await TestServer.run(configuration) { routes in
      routes.route(7) { request in while true { try await request.connection.sendBuffMsg(1, SendingTests.block) } }
    } use: { server in
      let peer = try server.connect(receiveBuffer: 8 << 10)
      try await peer.send(RawFrame(7))
      #expect(try await server.reason() == .slowConsumer)
      _ = peer
    }
  }
}
