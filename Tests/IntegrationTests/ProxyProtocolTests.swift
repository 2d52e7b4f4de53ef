import Glibc
import NIOCore
import Testing
import Zinx
import ZinxTLS
import ZinxTestKit
import ZinxWire

/// What a proxy says in front of a connection from `192.0.2.7:4711`.
private enum Header {
  static let line = Array("PROXY TCP4 192.0.2.7 192.0.2.1 4711 7777\r\n".utf8)
  static let start: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

  static func line(_ source: String) -> [UInt8] {
    Array("PROXY TCP\(source.contains(":") ? "6 \(source) ::1" : "4 \(source) 192.0.2.1") 4711 7777\r\n".utf8)
  }

  /// Version 2, with so many bytes of what else a proxy tells.
  static func binary(more: Int = 0) -> [UInt8] {
    start + [0x21, 0x11, UInt8((12 + more) >> 8), UInt8((12 + more) & 0xFF)] + [
      192, 0, 2, 7, 192, 0, 2, 1, 0x12, 0x67, 0x1E, 0x61,
    ]
      + [UInt8](repeating: 4, count: more)
  }

  static let local = start + [0x20, 0, 0, 0]
}

extension ServerConfiguration {
  /// One listener that proxies on 127.0.0.1 connect to.
  fileprivate static func proxied(
    workers: Int = 0, _ change: (inout Endpoint) -> Void = { _ in }, rest: (inout ServerConfiguration) -> Void = { _ in }
  ) throws -> ServerConfiguration {
    let proxy = try Network("127.0.0.1")
    return test(workers: workers) {
      var endpoint = Endpoint(name: "behind", .tcp(host: "127.0.0.1", port: 0))
      endpoint.proxyProtocol = .require
      endpoint.trustedProxies = [proxy]
      change(&endpoint)
      $0.endpoints = [endpoint]
      rest(&$0)
    }
  }
}

extension TestServer {
  /// Sends a header and asks once. Returns the address that the server has for the peer, nil if it closed.
  fileprivate func address(_ header: [UInt8]) async throws -> String? {
    let peer = try connect()
    try await peer.send(header + RawFrame(8, "").bytes())
    do { return try await peer.frame().text } catch RawPeer.Failure.ended, RawPeer.Failure.reset { return nil }
  }

  fileprivate static func runProxied(
    _ configuration: ServerConfiguration, use body: (TestServer) async throws -> Void
  ) async throws {
    try await run(
      configuration,
      register: {
        $0.route(7, echo)
        $0.route(8) { try await $0.connection.sendBuffMsg(8, "\($0.connection.remoteAddress)") }
      }, use: body)
  }
}

extension RawPeer {
  /// Waits until the server has closed, in whichever way.
  fileprivate func isClosed() async throws {
    do { #expect(try await receiveAll().isEmpty) } catch Failure.reset {}
  }
}

@Suite("A listener behind proxies", .timeLimit(.minutes(1)))
struct ProxyProtocolTests {
  @Test(arguments: pools)
  func `takes the address that a proxy tells, in either version, for that of the peer`(workers: Int) async throws {
    try await TestServer.runProxied(try .proxied(workers: workers)) { server async throws in
      #expect(try await server.address(Header.line) == "192.0.2.7:4711")
      #expect(try await server.address(Header.binary()) == "192.0.2.7:4711")
      #expect(try await server.address(Header.line("2001:db8::7")) == "[2001:db8::7]:4711")
      #expect(server.added.map { "\($0.remoteAddress.host)" } == ["192.0.2.7", "192.0.2.7", "2001:db8::7"])
    }
  }

  @Test func `keeps the proxy's own where it is told of nobody else`() async throws {
    try await TestServer.runProxied(try .proxied()) { server async throws in
      for header in [Header.local, Array("PROXY UNKNOWN\r\n".utf8)] {
        let address = try await server.address(header)
        #expect(address?.hasPrefix("127.0.0.1:") == true)
      }
    }
  }

  @Test(arguments: [1, 3, 7], [Header.line, Header.binary(more: 40)])
  func `takes a header in pieces of any size, and nothing but the header`(step: Int, header: [UInt8]) async throws {
    try await TestServer.runProxied(try .proxied()) { server async throws in
      let peer = try server.connect()
      for start in stride(from: 0, to: header.count, by: step) {
        try await peer.send(Array(header[start..<min(start + step, header.count)]))
      }
      #expect(try await peer.exchange(RawFrame(7, "split")).text == "split")
      let glued = try server.connect()
      try await glued.send(header + RawFrame(7, "glued").bytes(times: 50))
      for _ in 0..<50 { #expect(try await glued.frame().text == "glued") }
    }
  }

  @Test func `takes a header of 16 KiB`() async throws {
    try await TestServer.runProxied(try .proxied()) { server async throws in
      #expect(try await server.address(Header.binary(more: 16384 - 28)) == "192.0.2.7:4711")
      #expect(try await server.address(Header.binary(more: 16384 - 27)) == nil)
      let failed = try await server.failedArrivals(1)
      #expect(failed == ["behind proxy-header: its PROXY header is 16385 bytes long, at most 16384 are taken"])
    }
  }

  @Test(arguments: pools)
  func `answers a peer that has shut down its side behind header and requests`(workers: Int) async throws {
    try await TestServer.runProxied(try .proxied(workers: workers)) { server async throws in
      let peer = try server.connect()
      try await peer.send(Header.binary() + RawFrame(7, "last").bytes())
      peer.shutdownWrite()
      #expect(try await peer.receiveAll() == RawFrame(7, "last").bytes())
      #expect(try await server.reason() == .peerClosed)
    }
  }

  @Test func `closes at once whoever is not a proxy, before it reads a byte`() async throws {
    try await TestServer.runProxied(try .proxied({ $0.maxConn = 1 })) { server async throws in
      for count in 1...3 {
        let peer = try server.connect(from: "127.0.0.2")
        try await peer.isClosed()
        #expect(
          try await server.failedArrivals(count)
            == [String](repeating: "behind proxy-header: its address is not in TrustedProxies", count: count))
      }
      #expect(server.server.counters.failedArrivals == [.proxyHeader: 3])
      #expect(try await server.address(Header.line) == "192.0.2.7:4711")
    }
  }

  @Test(
    arguments: [
      (RawFrame(7, "no header").bytes(), "it began with something else than a PROXY header; ltv-le"),
      (Array("PROXY TCP4 192.0.2.7 192.0.2.1 4711 77777\r\n".utf8), "a port of its PROXY line is none"),
      (Header.start + [0x31], "its PROXY header has another version than 1 or 2"),
    ])
  func `closes a proxy that sends no good header, and gives its place back`(bytes: [UInt8], detail: String) async throws {
    try await TestServer.runProxied(try .proxied({ $0.maxConn = 1 }, rest: { $0.ioThreads = 1 })) { server async throws in
      let peer = try server.connect()
      try await peer.send(bytes)
      try await peer.isClosed()
      #expect(try await server.failedArrivals(1) == ["behind proxy-header: \(detail)"])
      #expect(server.added.isEmpty)
      try await server.loopsAnswer()
      #expect(try await server.address(Header.line) == "192.0.2.7:4711")
    }
  }

  @Test func `closes a proxy whose header does not come in time`() async throws {
    try await TestServer.runProxied(try .proxied(rest: { $0.frameTimeout = .milliseconds(200) })) { server async throws in
      let peer = try server.connect()
      try await peer.send(Array(Header.line.dropLast()))
      try await peer.isClosed()
      #expect(try await server.failedArrivals(1) == ["behind proxy-header: it was not done within 0.2 seconds"])
    }
  }

  @Test func `tells of a proxy that goes inside its header, by an end or by a reset`() async throws {
    try await TestServer.runProxied(try .proxied(rest: { $0.ioThreads = 1 })) { server async throws in
      let peer = try server.connect()
      try await peer.send(Array(Header.line.dropLast()))
      peer.shutdownWrite()
      try await peer.isClosed()
      #expect(try await server.failedArrivals(1).last == "behind proxy-header: the peer closed before it was done")
      let other = try server.connect()
      try await other.send([0x50])
      try await server.loopsAnswer()
      other.reset()
      _ = try await server.failedArrivals(2)
      #expect(server.server.counters.failedArrivals == [.proxyHeader: 2])
    }
  }

  @Test func `says nothing of a health check, which comes and goes without a byte`() async throws {
    try await TestServer.runProxied(try .proxied({ $0.maxConn = 1 }, rest: { $0.ioThreads = 1 })) { server async throws in
      for ends in [{ $0.shutdownWrite() }, { $0.reset() }] as [(RawPeer) -> Void] {
        let peer = try server.connect()
        try await server.loopsAnswer()
        ends(peer)
        // The only place is free again when it is gone.
        var answer: String?
        while answer == nil { answer = try await server.address(Header.line) }
        #expect(try await server.reasons(server.added.count).allSatisfy { $0 == .peerClosed || $0 == .reset })
      }
      #expect(server.server.counters.failedArrivals.isEmpty)
      let told = server.events.all.filter { if case .arrivalFailed = $0 { true } else { false } }
      #expect(told.isEmpty)
    }
  }

  private static let unknown = Array("PROXY UNKNOWN\r\n".utf8)

  /// What stands between the header and the connection.
  private static let kinds: [@Sendable (inout Endpoint) -> Void] = [
    { _ in },
    { $0.tls = TLSConfiguration(certFile: Certificates.path("server.pem"), privateKeyFile: Certificates.path("server.key")) },
    { $0.transport = .webSocket },
  ]

  /// Whether a client behind a proxy is answered.
  private func isServed(_ kind: Int, _ server: TestServer) async throws -> Bool {
    guard kind > 0 else { return try await server.address(Header.line) != nil }
    let peer = try server.connect()
    try await peer.send(Header.line)
    do {
      if kind == 1 { try await TLSPeer(peer).shake() } else { try await WebSocketPeer(peer).upgrade() }
      return true
    } catch RawPeer.Failure.ended, RawPeer.Failure.reset { return false }
  }

  @Test(arguments: kinds.indices, [Header.local, unknown])
  func `says nothing of a health check that tells whose it is, whatever is to come behind the header`(
    kind: Int, header: [UInt8]
  ) async throws {
    // Behind the header that may be a client's nobody waits for long, and a busy machine may be longer about the end.
    guard kind > 0 || header == Header.local else { return }
    let configuration = try ServerConfiguration.proxied(
      {
        $0.maxConn = 1
        Self.kinds[kind](&$0)
      }, rest: { $0.ioThreads = 1 })
    try await TestServer.runProxied(configuration) { server async throws in
      for isReset in [false, true] {
        let peer = try server.connect()
        try await peer.send(header)
        try await server.loopsAnswer()
        if isReset { peer.reset() } else { peer.shutdownWrite() }
        if !isReset { try await peer.isClosed() }
        // The only place is free again when it is gone.
        var isFree = false
        while !isFree {
          isFree = try await isServed(kind, server)
        }
      }
      let told = server.events.all.compactMap { event -> String? in
        if case .arrivalFailed(let peer, _, _, _, _) = event { peer.host } else { nil }
      }
      #expect(told.allSatisfy { $0 == "192.0.2.7" }, "\(told)")
      #expect(server.added.allSatisfy { $0.remoteAddress.host == "192.0.2.7" })
    }
  }

  @Test func `adds a connection of the proxy's own with its first byte`() async throws {
    try await TestServer.runProxied(try .proxied()) { server async throws in
      let peer = try server.connect()
      try await peer.send(Header.local)
      try await server.loopsAnswer()
      #expect(server.added.isEmpty)
      #expect(try await peer.exchange(RawFrame(7, "here")).text == "here")
    }
  }

  @Test func `lets the server speak first to a client whose address the proxy does not know`() async throws {
    try await TestServer.run(
      try .proxied(), register: { $0.onConnStart { try $0.trySendBuffMsg(2, ByteBuffer(string: "hello")) } }
    ) { server async throws in
      let peer = try server.connect()
      try await peer.send(Self.unknown)
      #expect(try await peer.frame().text == "hello")
    }
  }

  @Test func `has an IPv4 client that is told by an address of IPv6 under the one that it has`() async throws {
    try await TestServer.runProxied(try .proxied()) { server async throws in
      #expect(try await server.address(Header.line("::ffff:192.0.2.7")) == "192.0.2.7:4711")
    }
  }

  @Test(arguments: Stranger.all.filter { $0.looksLike != .proxyV1 && $0.looksLike != .proxyV2 })
  func `tells what whoever sends no header speaks`(stranger: Stranger) async throws {
    try await TestServer.runProxied(try .proxied()) { server async throws in
      let peer = try server.connect()
      try await peer.send(stranger.bytes)
      try await peer.isClosed()
      #expect(
        try await server.failedArrivals(1)
          == ["behind proxy-header: it began with something else than a PROXY header; \(stranger.looksLike)"])
    }
  }

  @Test func `applies Allow and Deny to the address that is told, not to the proxy's`() async throws {
    let (allowed, denied) = (try Network("192.0.2.0/24"), try Network("192.0.2.9"))
    let configuration = try ServerConfiguration.proxied {
      $0.allow = [allowed]
      $0.deny = [denied]
    }
    try await TestServer.runProxied(configuration) { server async throws in
      #expect(try await server.address(Header.line) == "192.0.2.7:4711")
      #expect(try await server.address(Header.line("192.0.2.9")) == nil)
      #expect(try await server.address(Header.line("198.51.100.1")) == nil)
      // The proxy itself is not in Allow.
      #expect(try await server.address(Header.local) == nil)
      #expect(server.refusals == [.denied: 1, .notAllowed: 2])
      let peers = server.events.all.compactMap { event -> String? in
        if case .connectionRefused(let peer, _, limit: nil, listener: "behind") = event { peer.host } else { nil }
      }
      #expect(peers == ["192.0.2.9", "198.51.100.1", "127.0.0.1"])
    }
  }

  @Test func `counts whom it is told of for MaxConnPerIP`() async throws {
    try await TestServer.runProxied(try .proxied(rest: { $0.maxConnPerIP = 1 })) { server async throws in
      let first = try server.connect()
      try await first.send(Header.line)
      #expect(try await first.exchange(RawFrame(7, "in")).text == "in")
      #expect(try await server.address(Header.line) == nil)
      #expect(server.refusals == [.maxConnPerIP: 1])
      let other = try server.connect()
      try await other.send(Header.line("192.0.2.8"))
      #expect(try await other.exchange(RawFrame(7, "in")).text == "in")
      first.close()
      _ = try await server.reason()
      #expect(try await server.address(Header.line) == "192.0.2.7:4711")
    }
  }

  @Test func `reads the header before a handshake of TLS`() async throws {
    let configuration = try ServerConfiguration.proxied {
      $0.tls = TLSConfiguration(certFile: Certificates.path("server.pem"), privateKeyFile: Certificates.path("server.key"))
    }
    try await TestServer.runProxied(configuration) { server async throws in
      let raw = try server.connect()
      try await raw.send(Header.binary(more: 10))
      let peer = try TLSPeer(raw)
      try await peer.shake()
      #expect(try await peer.exchange(RawFrame(8, "")).text == "192.0.2.7:4711")
      // In one piece with the beginning of the handshake.
      let glued = try server.connect()
      let eager = try TLSPeer(glued)
      #expect(eager.session.handshake(UnsafeRawBufferPointer(start: nil, count: 0)) == .waits)
      try await glued.send(Header.line + Array(eager.session.output))
      _ = eager.session.sent(eager.session.output.count)
      try await eager.shake()
      #expect(try await eager.exchange(RawFrame(8, "")).text == "192.0.2.7:4711")
      let plain = try server.connect()
      try await plain.send(Header.line + RawFrame(7, "plain").bytes())
      try await plain.isClosed()
      #expect(try await server.failedArrivals(1).last?.hasPrefix("behind tls-failed") == true)
    }
  }

  @Test func `begins and ceases to be one by a reload, for those who come then`() async throws {
    var configuration = try ServerConfiguration.proxied()
    try await TestServer.runProxied(configuration) { server async throws in
      let before = try server.connect()
      try await before.send(Header.line)
      #expect(try await before.exchange(RawFrame(7, "in")).text == "in")
      configuration.endpoints[0].proxyProtocol = .off
      try await server.server.reload(configuration)
      #expect(try await server.servesPeer())
      #expect(try await before.exchange(RawFrame(7, "still in")).text == "still in")
      configuration.endpoints[0].proxyProtocol = .require
      configuration.endpoints[0].trustedProxies = [try Network("127.0.0.2")]
      try await server.server.reload(configuration)
      #expect(try await !server.servesPeer())
      #expect(server.server.counters.failedArrivals == [.proxyHeader: 1])
    }
  }

  @Test func `is not kept from draining by a proxy that has said nothing`() async throws {
    let test = try TestServer(try .proxied())
    try await test.start()
    let peer = try test.connect()
    try await test.loopsAnswer()
    #expect(await test.server.drain(timeout: .seconds(20)) == 0)
    try await peer.isClosed()
    #expect(test.added.isEmpty)
    #expect(test.server.counters.failedArrivals.isEmpty)
  }
}
