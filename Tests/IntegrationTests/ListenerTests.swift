import Glibc
import Testing
import Zinx
import ZinxTestKit

@Suite("Several listeners", .timeLimit(.minutes(1)))
struct ListenerTests {
  /// A host with two addresses of this machine and one that no machine has (RFC 5737).
  private static let host = FakeHost(addresses: ["127.0.0.1", "203.0.113.7", "127.0.0.2"])
  private static let addresses = ["127.0.0.1", "127.0.0.2"]

  private static func connect(_ server: TestServer, _ address: String) throws -> RawPeer {
    try RawPeer(port: server.port, from: address, to: address)
  }

  @Test("are on every address of the host that is this machine's, and the other is told")
  func everyAddress() async throws {
    try await TestServer.run(.test { $0.host = "game.example" }, host: Self.host, register: { $0.route(7, echo) }) { server in
      #expect(server.server.addresses.map(\.description) == Self.addresses.map { "\($0):\(server.port)" })
      let absent = server.events.all.compactMap {
        if case .addressAbsent(let address, let host) = $0 { "\(address) \(host)" } else { nil }
      }
      #expect(absent == ["203.0.113.7:\(server.port) game.example"])
      for address in Self.addresses + Self.addresses {
        let peer = try Self.connect(server, address)
        #expect(try await server.serves(peer))
      }
    }
  }

  @Test("share MaxConn exactly")
  func maxConn() async throws {
    try await TestServer.run(.test { $0.maxConn = 5 }, host: Self.host, register: { $0.route(7, echo) }) { server in
      let peers = try (0..<20).map { try Self.connect(server, Self.addresses[$0 % 2]) }
      var served: [RawPeer] = []
      for peer in peers where try await server.serves(peer) { served.append(peer) }
      #expect(served.count == 5)
      #expect(server.connManager.count == 5)
      served.removeLast().close()
      _ = try await server.reasons(1)
      let more = try Self.addresses.map { try Self.connect(server, $0) }
      var admitted = 0
      for peer in more where try await server.serves(peer) { admitted += 1 }
      #expect(admitted == 1)
    }
  }

  @Test("that another holder of the socket shuts down are left alone, which is told once; the others go on", arguments: [0, 1])
  func shutDown(which: Int) async throws {
    let test = try TestServer(.test(), register: { $0.route(7, echo) })
    let sockets = try (0..<2).map { _ in try ServerLifeTests.listeningSocket() }
    let held = dup(sockets[which])
    defer { close(held) }
    try await test.server.start(listeningOn: sockets)
    let ports = test.server.addresses.map(\.port)
    let early = try RawPeer(port: ports[which])
    #expect(try await test.serves(early))
    #expect(shutdown(held, Int32(SHUT_RDWR)) == 0)
    try await test.events.wait { $0.contains { if case .listenerLost = $0 { true } else { false } } }
    #expect(try await test.serves(early))
    let other = try RawPeer(port: ports[1 - which])
    #expect(try await test.serves(other))
    // What it would be told of once more it is told of at the next wake-up.
    try await test.loopsAnswer()
    let lost = test.events.all.compactMap { if case .listenerLost(let address, _) = $0 { address } else { nil } }
    #expect(lost == ["127.0.0.1:\(ports[which])"])
    #expect(await test.server.drain(timeout: .seconds(20)) == 0)
  }

  @Test("that are shut down while they wait for a place are left alone too")
  func shutDownAtRest() async throws {
    let configuration = ServerConfiguration.test {
      $0.maxConn = 1
      $0.overloadPolicy = .wait
    }
    let test = try TestServer(configuration, register: { $0.route(7, echo) })
    let socket = try ServerLifeTests.listeningSocket()
    let held = dup(socket)
    defer { close(held) }
    try await test.server.start(listeningOn: [socket])
    let port = test.server.addresses[0].port
    let first = try RawPeer(port: port)
    #expect(try await test.serves(first))
    let second = try RawPeer(port: port)
    #expect(try await second.isQuiet())
    #expect(shutdown(held, Int32(SHUT_RDWR)) == 0)
    try await test.events.wait { $0.contains { if case .listenerLost = $0 { true } else { false } } }
    first.close()
    _ = try await test.reasons(1)
    #expect(await test.server.drain(timeout: .seconds(20)) == 0)
    #expect(test.added.count == 1)
  }
}
