import Testing
import Zinx
import ZinxTestKit
import ZinxWire

/// What the event of its end tells of a peer that speaks something else.
@Suite("A peer that speaks something else", .timeLimit(.minutes(1)))
struct LookalikeTests {
  static let disagreements = DataPack.allCases.flatMap { listener in
    DataPack.allCases.filter { $0 != listener }.flatMap { client in pools.map { (listener, client, $0) } }
  }

  private func configuration(
    _ workers: Int, pack: DataPack = .ltvLittleEndian, _ change: (inout ServerConfiguration) -> Void = { _ in }
  ) -> ServerConfiguration {
    .test(workers: workers) {
      $0.dataPack = pack
      change(&$0)
    }
  }

  @Test("is told by the order that fits", arguments: Self.disagreements)
  func orders(_ pack: DataPack, client: DataPack, workers: Int) async throws {
    try await TestServer.run(configuration(workers, pack: pack), register: { $0.route(2, echo) }) { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(2, "ping...ping...ping"), client)
      #expect(try await peer.receiveAll() == [])
      peer.close()
      let (reason, fault) = try await server.end()
      #expect(reason == .oversize)
      #expect(fault?.looksLike == .frames(client))
      #expect(fault?.maxPacketSize == 4096)
    }
  }

  @Test("is told with what it announced, also when its bytes come one by one", arguments: pools, [false, true])
  func announced(workers: Int, oneByOne: Bool) async throws {
    try await TestServer.run(configuration(workers), register: { $0.route(2, echo) }) { server in
      let peer = try server.connect()
      let message = RawFrame(2, "ping...ping...ping").bytes(.tlvBigEndian)
      if oneByOne {
        for byte in message.prefix(8) {
          try await peer.send([byte])
          try await server.loopsAnswer()
        }
      } else {
        try await peer.send(message)
      }
      #expect(try await peer.receiveAll() == [])
      peer.close()
      let fault = WireFault(
        header: FrameHeader(id: 0x1200_0000, length: 0x0200_0000), maxPacketSize: 4096, looksLike: .frames(.tlvBigEndian))
      #expect(try await server.end() == (.oversize, fault))
    }
  }

  @Test("is told by the first message that has no route, and again when it ends", arguments: pools)
  func noRoute(workers: Int) async throws {
    try await TestServer.run(configuration(workers), register: { $0.route(0, echo) }) { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(0, "Zinx Client Test Message"), .tlvBigEndian)
      #expect(try await peer.receiveAll() == [])
      peer.close()
      let (reason, fault) = try await server.end()
      #expect(reason == .oversize)
      #expect(fault?.looksLike == .frames(.tlvBigEndian))
      #expect(fault?.header?.id == 0x696C_4320, "the text is read as a header")
      let unknown = server.unknown
      #expect(unknown.map(\.id) == [0x1800_0000])
      #expect(unknown.map(\.length) == [0])
      #expect(unknown.map(\.looksLike) == [.frames(.tlvBigEndian)])
    }
  }

  @Test("is told when it leaves, or is closed, inside what would be its first message", arguments: pools, [false, true])
  func unfinished(workers: Int, leaves: Bool) async throws {
    let configuration = configuration(workers) {
      // So large that no header is refused.
      $0.maxPacketSize = .max
      $0.frameTimeout = leaves ? .zero : .milliseconds(100)
    }
    try await TestServer.run(configuration, register: { $0.route(2, echo) }) { server in
      let peer = try server.connect()
      try await peer.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
      if leaves { peer.shutdownWrite() }
      #expect(try await peer.receiveAll() == [])
      peer.close()
      let header = FrameHeader(id: 0x5448_202F, length: 0x2054_4547)
      let fault = WireFault(header: header, maxPacketSize: .max, looksLike: .http)
      #expect(try await server.end() == (leaves ? .truncated : .bodyTimeout, fault))
    }
  }

  @Test("is not suspected after a message that has a route: then the end says what was announced", arguments: pools)
  func later(workers: Int) async throws {
    try await TestServer.run(configuration(workers), register: { $0.route(2, echo) }) { server in
      for (rest, reason, header) in [
        (RawFrame.header(2, length: 4097), CloseReason.oversize, FrameHeader(id: 2, length: 4097)),
        (Array("GET / HTTP/1.1\r\n\r\n".utf8), .oversize, FrameHeader(id: 0x5448_202F, length: 0x2054_4547)),
        (RawFrame.header(5, length: 9) + [1], .truncated, FrameHeader(id: 5, length: 9)),
      ] {
        let id = UInt64(server.added.count)
        let peer = try server.connect()
        #expect(try await peer.exchange(RawFrame(2, "good")).text == "good")
        try await peer.send(rest)
        peer.shutdownWrite()
        #expect(try await peer.receiveAll() == [])
        #expect(try await server.end(id) == (reason, WireFault(header: header, maxPacketSize: 4096)))
      }
    }
  }

  @Test("is told by the limit that its header was held against", arguments: pools)
  func limit(workers: Int) async throws {
    try await TestServer.run(configuration(workers), register: { $0.route(2, echo) }) { server in
      let peer = try server.connect()
      try await peer.send(RawFrame.header(2, length: 5000))
      #expect(try await peer.receiveAll() == [])
      var changed = configuration(workers)
      changed.maxPacketSize = 10_000
      server.server.apply(changed)
      peer.close()
      #expect(try await server.end() == (.oversize, WireFault(header: FrameHeader(id: 2, length: 5000), maxPacketSize: 4096)))
    }
  }

  @Test("nothing is told of a peer that speaks as it should, however it ends", arguments: pools)
  func good(workers: Int) async throws {
    try await TestServer.run(configuration(workers), register: { $0.route(2, echo) }) { server in
      for (bytes, reason) in [([], CloseReason.peerClosed), (RawFrame(2, "x").bytes(), .peerClosed), ([2, 0, 0], .truncated)] {
        let id = UInt64(server.added.count)
        let peer = try server.connect()
        try await peer.send(bytes)
        peer.shutdownWrite()
        _ = try await peer.receiveAll()
        #expect(try await server.end(id) == (reason, nil))
      }
      let peer = try server.connect()
      try await peer.send(RawFrame(77, "no such route"))
      #expect(try await peer.exchange(RawFrame(2, "x")).text == "x")
      #expect(server.unknown.map(\.looksLike) == [nil])
    }
  }
}

extension TestServer {
  /// How a connection ended, once it has.
  fileprivate func end(_ id: UInt64 = 0) async throws -> (CloseReason?, WireFault?) {
    let reason = try await reason(id)
    let faults = events.all.compactMap { event -> WireFault?? in
      if case .connectionEnded(let connection, _, _, let fault) = event, connection.id == id { .some(fault) } else { nil }
    }
    return (reason, faults.first ?? nil)
  }

  fileprivate var unknown: [(id: UInt32, length: Int, looksLike: Lookalike?)] {
    events.all.compactMap {
      if case .unknownMessage(_, let id, let length, let looksLike) = $0 { (id, length, looksLike) } else { nil }
    }
  }
}
