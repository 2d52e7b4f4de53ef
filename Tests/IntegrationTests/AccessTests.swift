import Testing
import Zinx
import ZinxTestKit

@Suite("Allow and Deny", .timeLimit(.minutes(1)))
struct AccessTests {
  private static func configuration(
    host: String = "127.0.0.1", allow: [String] = [], deny: [String] = [],
    _ change: (inout ServerConfiguration) -> Void = { _ in }
  ) throws -> ServerConfiguration {
    let networks = (try allow.map { try Network($0) }, try deny.map { try Network($0) })
    return .test {
      $0.host = host
      ($0.allow, $0.deny) = networks
      change(&$0)
    }
  }

  @Test("a denied address is closed at once, another is served")
  func denied() async throws {
    try await TestServer.run(try Self.configuration(deny: ["127.0.0.2/31"]), register: { $0.route(7, echo) }) { server in
      for (address, expected) in [("127.0.0.1", true), ("127.0.0.2", false), ("127.0.0.3", false), ("127.0.0.4", true)] {
        let isServed = try await server.servesPeer(from: address)
        #expect(isServed == expected, "\(address)")
      }
      #expect(server.refusals == [.denied: 2])
      #expect(server.server.counters.connectionsRefused == 2)
    }
  }

  @Test("with Allow only those in it are served")
  func allowed() async throws {
    let configuration = try Self.configuration(allow: ["127.0.0.1", "127.0.1.0/24"], deny: ["127.0.1.7"])
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      for (address, expected) in [("127.0.0.1", true), ("127.0.0.2", false), ("127.0.1.1", true), ("127.0.1.7", false)] {
        let isServed = try await server.servesPeer(from: address)
        #expect(isServed == expected, "\(address)")
      }
      #expect(server.refusals == [.denied: 1, .notAllowed: 1])
    }
  }

  @Test("a refusal names peer and reason, and no number")
  func event() async throws {
    try await TestServer.run(try Self.configuration(deny: ["127.0.0.0/8"])) { server in
      let peer = try server.connect()
      #expect(try await peer.receiveAll().isEmpty)
      let events = try await server.events.wait(for: 1)
      guard case .connectionRefused(let address, .denied, limit: nil, listener: "zinx") = events.first else {
        Issue.record("\(events)")
        return
      }
      #expect(address.description.hasPrefix("127.0.0.1:"))
    }
  }

  @Test("IPv6 addresses are looked up too")
  func six() async throws {
    try await TestServer.run(try Self.configuration(host: "::1", allow: ["::1"]), register: { $0.route(7, echo) }) { server in
      #expect(try await server.servesPeer(from: "::1"))
      server.server.apply(try Self.configuration(host: "::1", allow: ["2001:db8::/32", "127.0.0.0/8"]))
      #expect(try await !server.servesPeer(from: "::1"))
    }
  }

  @Test("an IPv4 peer of an IPv6 socket is looked up as IPv4")
  func mapped() async throws {
    let configuration = try Self.configuration(host: "::", allow: ["127.0.0.1"], deny: ["::/0"])
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      for (address, expected) in [("127.0.0.1", true), ("127.0.0.2", false), ("::1", false)] {
        let isServed = try await server.servesPeer(from: address)
        #expect(isServed == expected, "\(address)")
      }
      #expect(server.refusals == [.denied: 1, .notAllowed: 1])
    }
  }

  @Test("a change holds for those who come after it, and closes nobody")
  func reload() async throws {
    try await TestServer.run(try Self.configuration(), register: { $0.route(7, echo) }) { server in
      let early = try server.connect()
      #expect(try await server.serves(early))
      server.server.apply(try Self.configuration(deny: ["127.0.0.1"]))
      for _ in 0..<5 { #expect(try await !server.servesPeer()) }
      #expect(try await server.serves(early))
      server.server.apply(try Self.configuration(allow: ["127.0.0.1"]))
      #expect(try await server.servesPeer())
      #expect(try await !server.servesPeer(from: "127.0.0.2"))
      server.server.apply(try Self.configuration())
      #expect(try await server.servesPeer(from: "127.0.0.2"))
      #expect(try await server.serves(early))
    }
  }

  @Test("those who are refused take no place", arguments: [OverloadPolicy.reject, .wait])
  func places(policy: OverloadPolicy) async throws {
    let configuration = try Self.configuration(deny: ["127.0.0.2"]) {
      $0.maxConn = 2
      $0.overloadPolicy = policy
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      for _ in 0..<10 {
        #expect(try await !server.servesPeer(from: "127.0.0.2"))
      }
      let peers = try (0..<2).map { _ in try server.connect() }
      for peer in peers { #expect(try await server.serves(peer)) }
      #expect(server.connManager.count == 2)
    }
  }
}
