import Testing
import Zinx
import ZinxTLS
import ZinxTestKit

/// What the protocol of TLS lets a peer do beside messages.
@Suite("A peer with TLS", .timeLimit(.minutes(1)))
struct TLSLimitTests {
  private static func inHaste(_ change: (inout ServerConfiguration) -> Void = { _ in }) -> ServerConfiguration {
    .tls { _ in
    } rest: {
      $0.frameTimeout = .milliseconds(200)
      ($0.idleTimeout, $0.firstByteTimeout) = (.zero, .zero)
      change(&$0)
    }
  }

  @Test("that begins a record and does not go on is closed as one is that begins a message", arguments: [1, 3, 20])
  func halfRecord(length: Int) async throws {
    try await TestServer.run(Self.inHaste(), register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectTLS()
      peer.seal(RawFrame(7, "never").bytes())
      try await peer.raw.send(Array(peer.session.output.prefix(length)))
      #expect(try await peer.receiveAll().isEmpty)
      peer.raw.close()
      #expect(try await server.reason() == (length < 8 ? .headerTimeout : .bodyTimeout))
    }
  }

  @Test("that begins a record behind a message and does not go on is closed too, whoever handles the message", arguments: pools)
  func halfRecordBehind(workers: Int) async throws {
    var configuration = ServerConfiguration.tls(workers: workers)
    configuration.frameTimeout = .milliseconds(200)
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectTLS()
      peer.seal(RawFrame(7, "whole").bytes())
      let whole = Array(peer.session.output)
      peer.seal(RawFrame(7, "never").bytes())
      try await peer.raw.send(Array(peer.session.output.prefix(whole.count + 5)))
      #expect(try await peer.receiveFrame().text == "whole")
      #expect(try await peer.receiveAll().isEmpty)
      peer.raw.close()
      #expect(try await server.reason() == .headerTimeout)
    }
  }

  @Test("that sends a record at MinFrameRate has the time for it")
  func slowRecord() async throws {
    // Longer than FrameTimeout by itself in all, and far less than the rate leaves on a busy machine too.
    let configuration = Self.inHaste { ($0.frameTimeout, $0.minFrameRate) = (.seconds(1), 5) }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectTLS()
      #expect(try await peer.exchange(RawFrame(7, "first")).text == "first")
      peer.seal(RawFrame(7, "at last").bytes())
      let record = Array(peer.session.output)
      // As many as a header has, for which there is no more than FrameTimeout.
      try await peer.raw.send(Array(record.prefix(8)))
      for byte in record.dropFirst(8).dropLast() {
        try await peer.raw.send([byte])
        #expect(try await peer.raw.isQuiet(milliseconds: 50))
      }
      try await peer.raw.send(Array(record.suffix(1)))
      #expect(try await peer.receiveFrame().text == "at last")
    }
  }

  @Test("that renews its keys and sends nothing has not sent its first byte")
  func noFirstByte() async throws {
    let configuration = Self.inHaste { $0.firstByteTimeout = .milliseconds(200) }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectTLS()
      peer.session.sendNewKeys()
      try await peer.flush()
      _ = try await peer.receiveAll()
      peer.raw.close()
      #expect(try await server.reason() == .noFirstByte)
    }
  }

  @Test("that renews its keys again and again, and sends nothing, ends with tls-failed")
  func keys() async throws {
    try await TestServer.run(.tls(), register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectTLS()
      // Data in between is what keys are for.
      for _ in 0..<100 {
        peer.session.sendNewKeys()
        #expect(try await peer.exchange(RawFrame(7, "on")).text == "on")
      }
      for _ in 0..<100 { peer.session.sendNewKeys() }
      try await peer.flush()
      #expect(try await server.reason() == .tlsFailed)
      #expect(
        try #require(server.ended.first).0.closeText == "more than 32 messages of the protocol in a row, and no data between them"
      )
    }
  }

  /// Asks for new keys, and takes no answer, until the kernel keeps no more for the peer.
  private static func fill(_ peer: TLSPeer, _ server: TestServer) async throws {
    var rounds = 0
    while server.server.queuedBytes == 0 {
      for _ in 0..<50 {
        peer.session.askForNewKeys()
        peer.seal(RawFrame(8).bytes())
      }
      try await peer.flush()
      try await server.loopsAnswer()
      rounds += 1
      try #require(rounds < 10_000)
    }
  }

  @Test("that reads no answer to its wish for new keys is a slow consumer")
  func unread() async throws {
    let configuration = ServerConfiguration.tls { _ in
    } rest: {
      $0.slowConsumerTimeout = .milliseconds(200)
    }
    try await TestServer.run(configuration, register: { $0.route(8) { _ in } }) { server in
      let peer = try await server.connectTLS(receiveBuffer: 4096)
      try await Self.fill(peer, server)
      #expect(try await server.reason() == .slowConsumer)
      #expect(server.server.queuedBytes == 0)
    }
  }

  @Test("that reads the answers late gets them, and goes on")
  func readLate() async throws {
    let came = Recorder<Int>()
    try await TestServer.run(
      .tls(),
      register: {
        $0.route(7) { _ in came.append(7) }
        $0.route(8) { _ in }
      }
    ) { server in
      let peer = try await server.connectTLS(receiveBuffer: 4096)
      try await Self.fill(peer, server)
      // Not opened: its own session would have enough of them.
      while server.server.queuedBytes > 0 { _ = try await peer.raw.receiveSome(upTo: 1 << 16) }
      try await peer.send(RawFrame(7).bytes())
      try await came.wait { !$0.isEmpty }
    }
  }

  @Test("that is in the middle of a record when the server drains is answered what came before it, and closed")
  func drains() async throws {
    let test = try TestServer(.tls(), register: { $0.route(7, echo) })
    try await test.start()
    let peer = try await test.connectTLS()
    let whole = RawFrame(7, "whole").bytes()
    peer.seal(whole)
    let count = peer.session.output.count
    peer.seal(RawFrame(7, "half").bytes())
    try await peer.raw.send(Array(peer.session.output.prefix(count + 9)))
    // The client's handshake is over before the server's: who is in it when the server drains is no connection, and is closed.
    try await until { test.server.connManager.count == 1 }
    async let cut = test.server.drain(timeout: .seconds(20))
    #expect(try await peer.receiveAll() == whole)
    #expect(peer.end == .closed)
    peer.raw.close()
    #expect(await cut == 0)
    #expect(test.ended.map(\.1) == [.draining])
  }
}
