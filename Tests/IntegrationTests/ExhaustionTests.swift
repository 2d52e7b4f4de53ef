import Glibc
import Testing
import Zinx
import ZinxTestKit

@Suite("Without descriptors", .timeLimit(.minutes(1)))
struct ExhaustionTests {
  /// Sets how many descriptors this process may have. The hard limit stays.
  private static func limitDescriptors(to count: Int32) throws {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    try #require(getrlimit(resource, &limit) == 0)
    limit.rlim_cur = rlim_t(count)
    try #require(setrlimit(resource, &limit) == 0)
  }

  /// The number that the next descriptor would get.
  private static func nextDescriptor() throws -> Int32 {
    let next = dup(0)
    close(next)
    try #require(next >= 0)
    return next
  }

  /// CPU time of this process so far, in microseconds.
  private static var processorTime: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1_000_000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
  }

  private static func isPaused(_ event: ServerEvent) -> Bool { if case .acceptPaused = event { true } else { false } }
  private static func isResumed(_ event: ServerEvent) -> Bool { if case .acceptResumed = event { true } else { false } }

  @Test("accepting pauses without spinning when descriptors run out, and goes on as connections end")
  func exhausted() async {
    // In a process of its own: the limit holds for all of it.
    await #expect(processExitsWith: .success) {
      try await TestServer.run(register: { $0.route(7, echo) }) { server in
        let peers = try (0..<12).map { _ in try RawPeer() }
        try Self.limitDescriptors(to: Self.nextDescriptor() + 4)
        for peer in peers { try peer.connect(port: server.port) }
        try await server.events.wait { $0.contains(where: Self.isPaused) }
        let before = Self.processorTime
        let isQuiet = try await peers[11].isQuiet(milliseconds: 500)
        #expect(isQuiet)
        #expect(Self.processorTime - before < 200_000)
        #expect(server.events.all.filter(Self.isPaused).count == 1)
        for peer in peers {
          let answer = try await peer.exchange(RawFrame(7, "here"))
          #expect(answer.text == "here")
          peer.close()
        }
        try await server.events.wait { $0.contains(where: Self.isResumed) }
        _ = try await server.reasons(12)
      }
    }
  }

  @Test("when more descriptors are allowed again, accepting goes on by itself")
  func recovers() async {
    await #expect(processExitsWith: .success) {
      try await TestServer.run(register: { $0.route(7, echo) }) { server in
        let peers = try (0..<6).map { _ in try RawPeer() }
        try Self.limitDescriptors(to: Self.nextDescriptor() + 2)
        for peer in peers { try peer.connect(port: server.port) }
        try await server.events.wait { $0.contains(where: Self.isPaused) }
        try Self.limitDescriptors(to: 200)
        for peer in peers {
          let answer = try await peer.exchange(RawFrame(7, "here"))
          #expect(answer.text == "here")
        }
      }
    }
  }

  @Test("with too few descriptors for MaxConn the limit is lowered, and both numbers are told")
  func lowered() async {
    await #expect(processExitsWith: .success) {
      var limit = rlimit(rlim_cur: 100, rlim_max: 120)
      try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
      try await TestServer.run(.test { $0.maxConn = 1000 }) { server in
        #expect(server.server.maxConn == 120 - 64)
        guard case .maxConnLowered(configured: 1000, effective: 56) = server.events.all.first else {
          Issue.record("\(server.events.all)")
          return
        }
        server.server.apply(
          .test {
            $0.maxConn = 1000
            $0.reservedDescriptors = 30
          })
        #expect(server.server.maxConn == 120 - 30)
        server.server.apply(
          .test {
            $0.maxConn = 80
            $0.reservedDescriptors = 40
          })
        #expect(server.server.maxConn == 80)
        let told = server.events.all.compactMap { if case .maxConnLowered(_, let effective) = $0 { effective } else { nil } }
        #expect(told == [56, 90])
      }
    }
  }
}
