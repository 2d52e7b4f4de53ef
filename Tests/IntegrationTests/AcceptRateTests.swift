import Testing
import Zinx
import ZinxTestKit

@Suite("AcceptRate", .timeLimit(.minutes(1)))
struct AcceptRateTests {
  private static func configuration(_ rate: Int, _ change: (inout ServerConfiguration) -> Void = { _ in }) -> ServerConfiguration
  {
    .test {
      $0.acceptRate = rate
      change(&$0)
    }
  }

  private static func isReached(_ event: ServerEvent) -> Bool {
    if case .acceptRateReached = event { true } else { false }
  }

  @Test("those who come too soon wait in the backlog, and all are served in time", arguments: pools)
  func paced(workers: Int) async throws {
    let configuration = Self.configuration(10) { $0.workerPoolSize = workers }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let start = ContinuousClock.now
      let peers = try (0..<5).map { _ in try server.connect() }
      for peer in peers { #expect(try await server.serves(peer)) }
      #expect(start.duration(to: .now) >= .milliseconds(400))
      let pauses = server.server.counters.acceptRatePauses
      // One before each but the first; more would be a timer that comes too early.
      #expect(pauses >= 1 && pauses <= 8)
      #expect(server.server.counters.connectionsRefused == 0)
      guard case .acceptRateReached(perSecond: 10) = server.events.all.first(where: Self.isReached) else {
        Issue.record("\(server.events.all)")
        return
      }
    }
  }

  @Test("who comes alone is no reason to rest, nor to say anything")
  func alone() async throws {
    try await TestServer.run(Self.configuration(1), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      #expect(try await server.serves(peer))
      #expect(server.server.counters.acceptRatePauses == 0)
      #expect(!server.events.all.contains(where: Self.isReached))
    }
  }

  @Test("lifted by a reload it lets in at once who waits")
  func lifted() async throws {
    try await TestServer.run(Self.configuration(1), register: { $0.route(7, echo) }) { server in
      let start = ContinuousClock.now
      let peers = try (0..<40).map { _ in try server.connect() }
      try await server.events.wait { $0.contains(where: Self.isReached) }
      server.server.apply(Self.configuration(0))
      for peer in peers { #expect(try await server.serves(peer)) }
      // At one a second it would take forty.
      #expect(start.duration(to: .now) < .seconds(20))
    }
  }

  @Test("set by a reload it holds for those who come after it")
  func set() async throws {
    try await TestServer.run(Self.configuration(0), register: { $0.route(7, echo) }) { server in
      let early = try (0..<5).map { _ in try server.connect() }
      for peer in early { #expect(try await server.serves(peer)) }
      server.server.apply(Self.configuration(10))
      let start = ContinuousClock.now
      let late = try (0..<4).map { _ in try server.connect() }
      for peer in late { #expect(try await server.serves(peer)) }
      #expect(start.duration(to: .now) >= .milliseconds(300))
      for peer in early { #expect(try await server.serves(peer)) }
    }
  }

  @Test("is not used up by those who are refused")
  func refused() async throws {
    let network = try Network("127.0.0.2")
    let configuration = Self.configuration(1) { $0.deny = [network] }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      for _ in 0..<20 {
        let isServed = try await server.servesPeer(from: "127.0.0.2")
        #expect(!isServed)
      }
      #expect(server.server.counters.acceptRatePauses == 0)
      let isServed = try await server.servesPeer()
      #expect(isServed)
    }
  }

  @Test("does not keep a drain from answering those in the backlog")
  func drain() async throws {
    try await TestServer.run(Self.configuration(1), register: { $0.route(7, echo) }) { server in
      let peers = try (0..<6).map { _ in try server.connect() }
      for (index, peer) in peers.enumerated() { try await peer.send(RawFrame(7, "\(index)")) }
      try await server.events.wait { $0.contains(where: Self.isReached) }
      async let cut = server.server.drain(timeout: .seconds(20))
      for (index, peer) in peers.enumerated() {
        #expect(try await peer.frame().text == "\(index)")
        peer.close()
      }
      #expect(await cut == 0)
    }
  }

  @Test("and MaxConn with the policy wait hold together")
  func withMaxConn() async throws {
    let configuration = Self.configuration(20) {
      $0.maxConn = 2
      $0.overloadPolicy = .wait
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peers = try (0..<8).map { _ in try server.connect() }
      for peer in peers {
        #expect(try await server.serves(peer))
        #expect(server.connManager.count <= 2)
        peer.close()
      }
      _ = try await server.reasons(8)
    }
  }
}
