import Glibc
import NIOCore
import Testing
import Zinx
import ZinxTestKit

/// What is different on the UNIX sockets that a service manager may pass.
@Suite("A peer on a UNIX socket", .timeLimit(.minutes(1)))
struct LocalSocketTests {
  /// A descriptor to pass, and another that tells when nobody has it any more.
  private struct Passed {
    let number: Int32
    private let other: Int32

    init() throws {
      var ends: [Int32] = [-1, -1]
      let status = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends)
      guard status == 0 else { throw RawPeer.Failure.system(call: "socketpair", code: errno) }
      (number, other) = (ends[0], ends[1])
    }

    /// Lets go of both. Returns whether nobody else has the one that was passed.
    func close() -> Bool {
      Glibc.close(number)
      defer { Glibc.close(other) }
      var entry = pollfd(fd: other, events: Int16(POLLIN), revents: 0)
      return poll(&entry, 1, RawPeer.patience) == 1 && entry.revents & Int16(POLLHUP) != 0
    }
  }

  private static func run(
    _ configuration: ServerConfiguration, use body: (TestServer, LocalListener) async throws -> Void
  ) async throws {
    let listener = try LocalListener()
    try await TestServer.run(configuration, listeningOn: [listener.number], register: { $0.route(7, echo) }) { server in
      try await body(server, listener)
    }
  }

  private static func texts(_ count: Int) -> [String] { (0..<count).map { "\($0)" } }

  @Test("that passes descriptors is answered all the same, and they are closed", arguments: pools)
  func descriptors(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) {
      $0.maxConn = 1
      $0.overloadPolicy = .wait
    }
    try await Self.run(configuration) { server, listener in
      var last = try listener.connect()
      for _ in 0..<20 {
        // Everything has arrived before the server comes to read.
        let peer = try listener.connect()
        let passed = try Passed()
        for text in Self.texts(3) {
          try peer.send(RawFrame(7, text).bytes(), passing: passed.number)
          try await peer.send(RawFrame(7, text))
        }
        last.close()
        #expect(try await peer.frames(6).map(\.text) == Self.texts(3).flatMap { [$0, $0] })
        #expect(passed.close())
        last = peer
      }
    }
  }

  @Test("that passes descriptors loses nothing in a drain, nor holds it", arguments: pools)
  func drainDescriptors(workers: Int) async throws {
    try await Self.run(.test(workers: workers) { $0.maxMsgRate = 1 }) { server, listener in
      let peer = try listener.connect()
      try await peer.send(RawFrame(7, "0").bytes() + RawFrame(7, "1").bytes())
      try await until { server.server.counters.readPauses > 0 }
      let passed = try Passed()
      for text in ["2", "3"] { try peer.send(RawFrame(7, text).bytes(), passing: passed.number) }
      try await peer.send(RawFrame(7, "4"))
      async let cut = server.server.drain(timeout: .seconds(20))
      #expect(try await peer.receiveAll() == Self.texts(5).flatMap { RawFrame(7, $0).bytes() })
      peer.close()
      #expect(await cut == 0)
      #expect(passed.close())
    }
  }

  @Test("that sends urgent data, which the kernel counts with the rest, does not hold a drain", arguments: pools, [false, true])
  func drainUrgent(workers: Int, atTheEnd: Bool) async throws {
    try await Self.run(.test(workers: workers) { $0.maxMsgRate = 1 }) { server, listener in
      let peer = try listener.connect()
      try await peer.send(RawFrame(7, "0").bytes() + RawFrame(7, "1").bytes())
      try await until { server.server.counters.readPauses > 0 }
      try await peer.send(RawFrame(7, "2"))
      try peer.sendUrgent(1)
      if !atTheEnd { try await peer.send(RawFrame(7, "3")) }
      async let cut = server.server.drain(timeout: .seconds(20))
      #expect(try await peer.receiveAll() == Self.texts(atTheEnd ? 3 : 4).flatMap { RawFrame(7, $0).bytes() })
      peer.close()
      #expect(await cut == 0)
    }
  }

  @Test("that closes is no reset, and what it sent before is handled", arguments: pools)
  func closes(workers: Int) async throws {
    try await Self.run(.test(workers: workers) { $0.maxMsgRate = 50 }) { server, listener in
      do {
        let peer = try listener.connect()
        // More than a second's worth: the rest waits in the kernel when the peer closes.
        try await peer.send((0..<60).flatMap { RawFrame(8, "\($0)").bytes() })
        try await until { server.server.counters.readPauses > 0 }
        try await peer.send((0..<10).flatMap { RawFrame(8, "\($0)").bytes() })
      }
      #expect(try await server.reason() == .peerClosed)
      #expect(server.server.counters.requestsReceived == 70)
    }
  }

  @Test("that half-closes gets its answers", arguments: pools)
  func halfCloses(workers: Int) async throws {
    try await Self.run(.test(workers: workers)) { server, listener in
      let peer = try listener.connect()
      let bytes = (0..<500).flatMap { RawFrame(7, "\($0)").bytes() }
      try await peer.send(bytes)
      peer.shutdownWrite()
      #expect(try await peer.receiveAll() == bytes)
      #expect(try await server.reason() == .peerClosed)
    }
  }
}
