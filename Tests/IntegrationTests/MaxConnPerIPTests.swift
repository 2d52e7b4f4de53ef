import Glibc
import Synchronization
import Testing
import Zinx
import ZinxTestKit

@Suite("MaxConnPerIP", .timeLimit(.minutes(1)))
struct MaxConnPerIPTests {
  private static func configuration(
    _ limit: Int, host: String = "127.0.0.1", _ change: (inout ServerConfiguration) -> Void = { _ in }
  ) -> ServerConfiguration {
    .test {
      $0.host = host
      $0.maxConnPerIP = limit
      change(&$0)
    }
  }

  private static func connect(_ server: TestServer, from source: String, _ count: Int = 1) throws -> [RawPeer] {
    try (0..<count).map { _ in try server.connect(from: source) }
  }

  private static func served(_ peers: [RawPeer], _ server: TestServer) async throws -> [RawPeer] {
    var served: [RawPeer] = []
    for peer in peers where try await server.serves(peer) { served.append(peer) }
    return served
  }

  @Test("of one address as many as allowed are in, and others are not touched", arguments: [OverloadPolicy.reject, .wait])
  func limit(policy: OverloadPolicy) async throws {
    let configuration = Self.configuration(2) { $0.overloadPolicy = policy }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let one = try await Self.served(Self.connect(server, from: "127.0.0.1", 20), server)
      #expect(one.count == 2)
      let other = try await Self.served(Self.connect(server, from: "127.0.0.2", 20), server)
      #expect(other.count == 2)
      #expect(server.refusals == [.maxConnPerIP: 36])
      one[0].close()
      _ = try await server.reasons(1)
      #expect(try await Self.served(Self.connect(server, from: "127.0.0.2"), server).isEmpty)
      #expect(try await Self.served(Self.connect(server, from: "127.0.0.1", 2), server).count == 1)
    }
  }

  @Test("a refusal names the peer and the limit, and takes no place in MaxConn")
  func refusal() async throws {
    let configuration = Self.configuration(1) { $0.maxConn = 2 }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peers = try Self.connect(server, from: "127.0.0.1", 5)
      #expect(try await Self.served(peers, server).count == 1)
      let refused = server.events.all.filter {
        if case .connectionRefused(let peer, .maxConnPerIP, limit: 1, listener: "zinx") = $0 {
          peer.description.hasPrefix("127.0.0.1:")
        } else {
          false
        }
      }
      #expect(refused.count == 4)
      let other = try server.connect(from: "127.0.0.2")
      #expect(try await server.serves(other))
      #expect(try await !server.servesPeer(from: "127.0.0.3"))
      #expect(server.refusals == [.maxConnPerIP: 4, .maxConn: 1])
    }
  }

  @Test("IPv6 is counted, and IPv4 on an IPv6 socket as IPv4")
  func six() async throws {
    try await TestServer.run(Self.configuration(1, host: "::"), register: { $0.route(7, echo) }) { server in
      let six = try (0..<2).map { _ in try server.connect(from: "::1") }
      #expect(try await Self.served(six, server).count == 1)
      let four = try Self.connect(server, from: "127.0.0.1", 2) + Self.connect(server, from: "127.0.0.2", 2)
      #expect(try await Self.served(four, server).count == 2)
    }
  }

  @Test("a place is given back once, however the connection ends", arguments: pools)
  func ends(workers: Int) async throws {
    let configuration = Self.configuration(2) {
      $0.workerPoolSize = workers
      $0.maxPacketSize = 16
      $0.lingerTimeout = .milliseconds(50)
    }
    let register: (inout RouteRegistrar) -> Void = {
      $0.route(7, echo)
      $0.route(8) { $0.connection.stop() }
    }
    try await TestServer.run(configuration, register: register) { server in
      let endings: [(RawPeer) async throws -> Void] = [
        { $0.close() }, { $0.reset() }, { $0.shutdownWrite() },
        { try await $0.send(RawFrame(7, String(repeating: "x", count: 17))) }, { try await $0.send(RawFrame(8, "")) },
        { _ in server.server.cutAll() },
      ]
      for (round, end) in endings.enumerated() {
        let peers = try Self.connect(server, from: "127.0.0.1", 4)
        let served = try await Self.served(peers, server)
        #expect(served.count == 2, "round \(round)")
        for peer in served { try await end(peer) }
        _ = try await server.reasons(2 * (round + 1))
      }
      #expect(try await Self.served(Self.connect(server, from: "127.0.0.1", 4), server).count == 2)
    }
  }

  @Test("set by a reload it counts those who are there, closes none of them, and admits none until they are fewer")
  func reload() async throws {
    try await TestServer.run(Self.configuration(0), register: { $0.route(7, echo) }) { server in
      let peers = try Self.connect(server, from: "127.0.0.1", 4)
      #expect(try await Self.served(peers, server).count == 4)
      server.server.apply(Self.configuration(2))
      #expect(try await Self.served(Self.connect(server, from: "127.0.0.1"), server).isEmpty)
      #expect(try await Self.served(Self.connect(server, from: "127.0.0.2"), server).count == 1)
      #expect(try await Self.served(peers, server).count == 4)
      for (gone, peer) in peers.prefix(3).enumerated() {
        #expect(try await Self.served(Self.connect(server, from: "127.0.0.1"), server).isEmpty)
        peer.close()
        _ = try await server.reasons(gone + 2)
      }
      #expect(try await Self.served(Self.connect(server, from: "127.0.0.1", 3), server).count == 1)
      server.server.apply(Self.configuration(0))
      #expect(try await Self.served(Self.connect(server, from: "127.0.0.1", 3), server).count == 3)
    }
  }

  @Test("set and lifted while connections come and go it keeps the count", arguments: 0..<3)
  func churn(seed: UInt64) async throws {
    try await TestServer.run(Self.configuration(0), register: { $0.route(7, echo) }) { server in
      let isOver = Atomic<Bool>(false)
      async let switching: Void = onThread {
        var generator = SplitMix64(seed: seed)
        while !isOver.load(ordering: .relaxed) {
          server.server.apply(Self.configuration(Int.random(in: 0...3, using: &generator)))
          sched_yield()
        }
      }
      for _ in 0..<60 {
        let peers = try Self.connect(server, from: "127.0.0.1", 5)
        for peer in peers { _ = try await server.serves(peer) }
      }
      isOver.store(true, ordering: .relaxed)
      try await switching
      server.server.apply(Self.configuration(3))
      try await server.events.wait { _ in server.connManager.count == 0 }
      #expect(try await Self.served(Self.connect(server, from: "127.0.0.1", 6), server).count == 3)
    }
  }
}
