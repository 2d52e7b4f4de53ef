import Glibc
import Testing
import Zinx
import ZinxTestKit

/// Errors that concern one connection, and those that concern all.
private let passing = [
  EINTR, ECONNABORTED, EPERM, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH,
]
private let exhausting = [EMFILE, ENFILE, ENOBUFS, ENOMEM]
/// None that accept(2) should give a listening socket.
private let strange = [EINVAL, EBADF, ENOTSOCK, ENOSYS, EACCES]

@Suite("A failing accept", .timeLimit(.minutes(1)))
struct AcceptFaultTests {
  private static func pauses(_ events: [ServerEvent]) -> [String] {
    events.compactMap { if case .acceptPaused(let reason) = $0 { reason } else { nil } }
  }

  private static func resumes(_ events: [ServerEvent]) -> Int {
    events.count { if case .acceptResumed = $0 { true } else { false } }
  }

  @Test("of one connection costs no other", arguments: passing + [EAGAIN])
  func passed(code: Int32) async throws {
    let accept = FaultyAccept()
    try await TestServer.run(accept: accept, register: { $0.route(7, echo) }) { server in
      accept.fail(with: [code, code, code])
      let peer = try server.connect()
      #expect(try await server.serves(peer))
      #expect(Self.pauses(server.events.all).isEmpty)
      #expect(server.server.counters.acceptPauses == 0)
    }
  }

  @Test("for want of something makes accepting rest, and go on by itself", arguments: exhausting + strange)
  func exhausted(code: Int32) async throws {
    let accept = FaultyAccept()
    try await TestServer.run(accept: accept, register: { $0.route(7, echo) }) { server in
      accept.fail(with: [code, code])
      let peer = try server.connect()
      #expect(try await server.serves(peer))
      #expect(Self.pauses(server.events.all) == [String(cString: strerror(code))])
      #expect(Self.resumes(server.events.all) == 1)
      #expect(server.server.counters.acceptPauses == 2)
    }
  }

  @Test("that does not pass keeps no loop busy and harms no connection", arguments: passing + exhausting + strange)
  func lasting(code: Int32) async throws {
    let accept = FaultyAccept()
    try await TestServer.run(accept: accept, register: { $0.route(7, echo) }) { server in
      let early = try server.connect()
      #expect(try await server.serves(early))
      accept.failAlways(with: code)
      let before = accept.calls.count
      let late = try server.connect()
      // Accepting rests three times meanwhile, a tenth of a second each. A loop that spins is here within a millisecond.
      let calls = try await accept.calls.wait(for: before + (passing.contains(code) ? 3 * 64 + 1 : 4))
      #expect(calls[before].duration(to: calls[calls.endIndex - 1]) > .milliseconds(150))
      #expect(try await server.serves(early))
      #expect(Self.pauses(server.events.all).count == 1)
      accept.failAlways(with: nil)
      #expect(try await server.serves(late))
      #expect(Self.resumes(server.events.all) == 1)
    }
  }

  @Test("that does not pass does not put off the end", arguments: [EMFILE, EINTR, EINVAL])
  func ending(code: Int32) async throws {
    let accept = FaultyAccept()
    let configuration = ServerConfiguration.test { $0.lingerTimeout = .milliseconds(50) }
    try await TestServer.run(configuration, accept: accept, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      #expect(try await server.serves(peer))
      accept.failAlways(with: code)
      _ = try server.connect()
      #expect(await server.server.drain(timeout: .seconds(20)) == 0)
      #expect(try await server.reason() == .draining)
    }
  }

  @Test("takes no place for ever, whatever the cause", arguments: [OverloadPolicy.reject, .wait], 0..<3)
  func places(policy: OverloadPolicy, seed: UInt64) async throws {
    let accept = FaultyAccept()
    var generator = SplitMix64(seed: seed)
    let configuration = ServerConfiguration.test {
      $0.maxConn = 3
      $0.maxConnPerIP = 3
      $0.overloadPolicy = policy
    }
    try await TestServer.run(configuration, accept: accept, register: { $0.route(7, echo) }) { server in
      for round in 0..<12 {
        accept.fail(
          with: (0..<4).compactMap { _ in (passing + exhausting.prefix(1) + [EAGAIN]).randomElement(using: &generator) })
        let peer = try server.connect()
        #expect(try await server.serves(peer))
        peer.close()
        _ = try await server.reasons(round + 1)
      }
      let peers = try (0..<3).map { _ in try server.connect() }
      for peer in peers { #expect(try await server.serves(peer)) }
      let fourth = try server.connect()
      if policy == .reject {
        #expect(try await !server.serves(fourth))
      } else {
        #expect(try await fourth.isQuiet())
      }
      #expect(server.connManager.count == 3)
    }
  }
}
