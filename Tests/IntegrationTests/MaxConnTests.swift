import Glibc
import Synchronization
import Testing
import Zinx
import ZinxTestKit

@Suite("MaxConn", .timeLimit(.minutes(1)))
struct MaxConnTests {
  static func configuration(_ limit: Int, _ policy: OverloadPolicy, workers: Int = 0) -> ServerConfiguration {
    .test(workers: workers) {
      $0.maxConn = limit
      $0.overloadPolicy = policy
    }
  }

  /// Whether the server took the peer in: it answers, or it has closed it.
  private static func isServed(_ peer: RawPeer) async throws -> Bool {
    do { return try await peer.exchange(RawFrame(7, "?")).text == "?" } catch RawPeer.Failure.ended, RawPeer.Failure.reset {
      return false
    }
  }

  @Test("of many who come at once exactly as many as allowed are in, and the rest is told at once", arguments: pools)
  func reject(workers: Int) async throws {
    try await TestServer.run(Self.configuration(3, .reject, workers: workers), register: { $0.route(7, echo) }) { server in
      let peers = try (0..<40).map { _ in try server.connect() }
      var served: [RawPeer] = []
      for peer in peers where try await Self.isServed(peer) { served.append(peer) }
      #expect(served.count == 3)
      #expect(server.server.counters.connectionsRefused == 37)
      #expect(server.connManager.count == 3)
      served.removeLast().close()
      _ = try await server.reasons(1)
      let more = [try server.connect(), try server.connect()]
      var admitted = 0
      for peer in more where try await Self.isServed(peer) { admitted += 1 }
      #expect(admitted == 1)
    }
  }

  @Test("at no instant are more than allowed live, while connections come and go")
  func churn() async throws {
    try await TestServer.run(Self.configuration(3, .reject), register: { $0.route(7, echo) }) { server in
      let highest = Atomic<Int>(0)
      let isOver = Atomic<Bool>(false)
      async let sampled: Void = onThread {
        while !isOver.load(ordering: .relaxed) {
          highest.max(server.connManager.count, ordering: .relaxed)
          sched_yield()
        }
      }
      for _ in 0..<100 {
        let peers = try (0..<6).map { _ in try server.connect() }
        for peer in peers { _ = try await Self.isServed(peer) }
      }
      isOver.store(true, ordering: .relaxed)
      try await sampled
      let most = highest.load(ordering: .relaxed)
      #expect(most <= 3)
      let live = server.events.all.compactMap { if case .connectionAdded(_, let live) = $0 { live } else { nil } }
      #expect(live.max() == 3)
    }
  }

  @Test("a refusal names the peer and the limit")
  func refusal() async throws {
    try await TestServer.run(Self.configuration(1, .reject)) { server in
      let peers = [try server.connect(), try server.connect()]
      let events = try await server.events.wait { $0.contains { if case .connectionRefused = $0 { true } else { false } } }
      guard case .connectionRefused(let address, .maxConn, limit: 1, listener: "zinx") = events.last else {
        Issue.record("\(events)")
        return
      }
      #expect(address.description.hasPrefix("127.0.0.1:"))
      peers[1].close()
    }
  }

  @Test("with the policy wait those beyond the limit are served in order, as places become free", arguments: pools)
  func wait(workers: Int) async throws {
    try await TestServer.run(Self.configuration(2, .wait, workers: workers), register: { $0.route(7, echo) }) { server in
      let peers = try (0..<6).map { _ in try server.connect() }
      for (index, peer) in peers.enumerated() {
        try await peer.send(RawFrame(7, "\(index)"))
      }
      for (index, peer) in peers.enumerated() {
        #expect(try await peer.frame().text == "\(index)")
        if index + 2 < peers.count { #expect(try await peers[index + 2].isQuiet(milliseconds: 20)) }
        #expect(server.connManager.count <= 2)
        peer.close()
      }
      _ = try await server.reasons(6)
      #expect(server.server.counters.connectionsRefused == 0)
    }
  }

  @Test("a raised limit lets those in who wait")
  func raised() async throws {
    try await TestServer.run(Self.configuration(1, .wait), register: { $0.route(7, echo) }) { server in
      let peers = try (0..<3).map { _ in try server.connect() }
      #expect(try await Self.isServed(peers[0]))
      server.server.apply(Self.configuration(3, .wait))
      for peer in peers { #expect(try await Self.isServed(peer)) }
      #expect(server.server.maxConn == 3)
    }
  }

  @Test("a limit lowered below the live count closes nobody and admits nobody until the count is below it")
  func lowered() async throws {
    try await TestServer.run(Self.configuration(4, .reject), register: { $0.route(7, echo) }) { server in
      let peers = try (0..<4).map { _ in try server.connect() }
      for peer in peers { #expect(try await Self.isServed(peer)) }
      server.server.apply(Self.configuration(2, .reject))
      for peer in peers { #expect(try await Self.isServed(peer)) }
      for (gone, peer) in peers.prefix(2).enumerated() {
        peer.close()
        _ = try await server.reasons(gone + 1)
        #expect(try await !Self.isServed(server.connect()))
      }
      peers[2].close()
      _ = try await server.reasons(3)
      #expect(try await Self.isServed(server.connect()))
    }
  }

  @Test("changing the policy to reject refuses those who wait")
  func policy() async throws {
    try await TestServer.run(Self.configuration(1, .wait), register: { $0.route(7, echo) }) { server in
      let peers = [try server.connect(), try server.connect()]
      #expect(try await Self.isServed(peers[0]))
      server.server.apply(Self.configuration(1, .reject))
      #expect(try await !Self.isServed(peers[1]))
    }
  }
}
