import Testing
import Zinx
import ZinxPlugins
import ZinxTestKit
import ZinxWire

@Suite("An exchange", .timeLimit(.minutes(1)))
struct ExchangeTests {
  static let forms = DataPack.allCases.flatMap { pack in pools.map { (pack, $0) } }

  static func configuration(_ pack: DataPack, _ workers: Int) -> ServerConfiguration {
    .test(workers: workers) { $0.dataPack = pack }
  }

  static func tutorialPlugins() -> [any RoutePlugin] {
    let registry = PluginRegistry(bundledPlugins)
    return registry.defaultNames.compactMap { registry.make($0, nil)?.plugin }
  }

  @Test("the tutorial's client is greeted, and each of its requests is answered", arguments: forms)
  func tutorial(pack: DataPack, workers: Int) async throws {
    try await TestServer.run(Self.configuration(pack, workers), plugins: Self.tutorialPlugins()) { server in
      let peer = try server.connect()
      #expect(try await peer.frame(pack) == RawFrame(2, "DoConnection BEGIN..."))
      for _ in 0..<3 {
        try await peer.send(RawFrame(0, "Zinx V0.9 client"), pack)
        #expect(try await peer.frame(pack) == RawFrame(0, "ping...ping...ping"))
      }
      try await peer.send(RawFrame(1), pack)
      #expect(try await peer.frame(pack) == RawFrame(1, "Hello Zinx Router V0.9"))
      peer.close()
      #expect(try await server.reason() == .peerClosed)
    }
  }

  @Test("requests that arrive one byte at a time are answered the same", arguments: forms)
  func oneByte(pack: DataPack, workers: Int) async throws {
    try await TestServer.run(Self.configuration(pack, workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let frames = [RawFrame(7, "one"), RawFrame(7), RawFrame(7, "three")]
      for byte in frames.flatMap({ $0.bytes(pack) }) { try await peer.send([byte]) }
      #expect(try await peer.frames(3, pack) == frames)
    }
  }

  @Test("a thousand requests in one write are answered in order", arguments: forms)
  func glued(pack: DataPack, workers: Int) async throws {
    try await TestServer.run(Self.configuration(pack, workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let frames = (0..<1000).map { RawFrame(7, "request \($0)") }
      try await peer.send(frames.flatMap { $0.bytes(pack) })
      #expect(try await peer.frames(1000, pack) == frames)
    }
  }

  @Test("frames of all sizes are answered, wherever the stream is cut", arguments: pools)
  func sizes(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxPacketSize = 400_000 }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let sizes = [0, 1, 4087, 4088, 4089, 32_768, 65_535, 65_536, 131_072, 400_000, 3]
      let frames = sizes.map { RawFrame(7, [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: $0)) }
      let bytes = frames.flatMap { $0.bytes() }
      for piece in [bytes.count, 100_000, 1777] {
        async let answers = peer.frames(frames.count)
        for start in stride(from: 0, to: bytes.count, by: piece) {
          try await peer.send(Array(bytes[start..<min(bytes.count, start + piece)]))
        }
        #expect(try await answers == frames)
      }
    }
  }

  @Test("a peer that shuts its side down after its last request gets every answer, then the end", arguments: pools)
  func halfClose(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(7) { request in
        await Task.yield()
        try await echo(request)
      }
    } use: { server in
      let peer = try server.connect()
      let bytes = (0..<500).flatMap { RawFrame(7, "\($0)").bytes() }
      try await peer.send(bytes)
      peer.shutdownWrite()
      #expect(try await peer.receiveAll() == bytes)
      #expect(try await server.reason() == .peerClosed)
    }
  }

  @Test("urgent data, at which every read ends, keeps nobody from the answers to what stands behind it", arguments: pools)
  func urgentData(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) {
      $0.maxConn = 1
      $0.overloadPolicy = .wait
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let first = try server.connect()
      #expect(try await first.exchange(RawFrame(7, "first")).text == "first")
      // Everything has arrived before the server comes to read.
      let second = try server.connect()
      try await second.send(RawFrame(7, "before"))
      try second.sendUrgent(1)
      try await second.send(RawFrame(7, "behind"))
      first.close()
      #expect(try await second.frames(2).map(\.text) == ["before", "behind"])
    }
  }

  @Test("connections take turns over the event loops and never share bytes", arguments: pools)
  func many(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), register: { $0.route(7, echo) }) { server in
      let peers = try (0..<50).map { _ in try server.connect() }
      for round in 0..<5 {
        for (index, peer) in peers.enumerated() { try await peer.send(RawFrame(7, "\(round) of \(index)")) }
        for (index, peer) in peers.enumerated() { #expect(try await peer.frame().text == "\(round) of \(index)") }
      }
    }
  }

  @Test("the numbers of the server agree with what was exchanged", arguments: pools)
  func counters(workers: Int) async throws {
    let test = try TestServer(.test(workers: workers), register: { $0.route(7, echo) })
    try await test.start()
    let peer = try test.connect()
    let bytes = (0..<10).flatMap { RawFrame(7, "\($0)").bytes() }
    try await peer.send(bytes)
    _ = try await peer.frames(10)
    peer.close()
    #expect(try await test.reason() == .peerClosed)
    await test.server.drain(timeout: .seconds(5))
    let counters = test.server.counters
    #expect(counters.requestsReceived == 10 && counters.messagesSent == 10)
    #expect(counters.bytesReceived == 90)
    #expect(counters.connectionsAccepted == 1 && counters.connectionsRefused == 0)
    #expect(counters.connectionsClosed == [.peerClosed: 1])
  }
}
