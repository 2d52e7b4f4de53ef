import Glibc
import NIOCore
import Testing
import Zinx
import ZinxTLS
import ZinxTestKit
import ZinxWire

@Suite("A listener with TLS", .timeLimit(.minutes(1)))
struct TLSTests {
  @Test("serves whoever shakes hands, and tells plugins with whom", arguments: pools)
  func serves(workers: Int) async throws {
    try await TestServer.run(.tls(workers: workers), register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectTLS()
      #expect(try await peer.exchange(RawFrame(7, "hello")).text == "hello")
      let info = try #require(try await server.connection().tls)
      #expect(info.version == "TLSv1.3")
      #expect(info.serverName == "localhost")
      #expect(info.peerCertificate == nil)
    }
  }

  @Test("takes a handshake and messages in pieces of any size", arguments: [1, 5, 100])
  func pieces(step: Int) async throws {
    try await TestServer.run(.tls(), register: { $0.route(7, echo) }) { server in
      let peer = try TLSPeer(server.connect())
      try await peer.shake(step: step)
      peer.seal(RawFrame(7, "in pieces").bytes())
      try await peer.flush(step: step)
      #expect(try await peer.receiveFrame().text == "in pieces")
    }
  }

  @Test("takes a message of which every byte is a record of its own, and many in one record")
  func records() async throws {
    try await TestServer.run(.tls(), register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectTLS()
      for byte in RawFrame(7, "byte by byte").bytes() { peer.seal([byte]) }
      try await peer.flush()
      #expect(try await peer.receiveFrame().text == "byte by byte")
      try await peer.send(RawFrame(7, "many").bytes(times: 500))
      for _ in 0..<500 { #expect(try await peer.receiveFrame().text == "many") }
    }
  }

  @Test("takes requests that come right behind the handshake")
  func early() async throws {
    try await TestServer.run(.tls(), register: { $0.route(7, echo) }) { server in
      let raw = try server.connect()
      let peer = try TLSPeer(raw)
      // The client's last word of the handshake, a message and its end in one piece.
      #expect(peer.session.handshake(UnsafeRawBufferPointer(start: nil, count: 0)) == .waits)
      try await peer.flush()
      var state = TLSSession.Handshake.waits
      while state == .waits {
        let bytes = try #require(try await raw.receiveSome(upTo: 1 << 16))
        state = bytes.withUnsafeBytes { peer.session.handshake($0) }
      }
      peer.seal(RawFrame(7, "early").bytes())
      peer.session.end()
      try await peer.flush()
      #expect(try await peer.receiveFrame().text == "early")
      #expect(try await server.reason() == .peerClosed)
    }
  }

  @Test("speaks frames of others", arguments: pools)
  func foreign(workers: Int) async throws {
    let configuration = ServerConfiguration.tls(workers: workers, rest: { $0.framing = Foreign.simple })
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectTLS()
      let frames = (0..<200).flatMap { Foreign.frame(7, "frame \($0)") }
      peer.seal(frames)
      try await peer.flush(step: 700)
      #expect(try await peer.receive(frames.count) == frames)
      // A frame in two records, and an end within one.
      for piece in [Array(frames.prefix(4)), Array(frames[4..<10])] { try await peer.send(piece) }
      #expect(try await peer.receive(10) == Array(frames.prefix(10)))
      try await peer.send([0])
      peer.raw.shutdownWrite()
      #expect(try await server.reason() == .truncated)
    }
  }

  @Test("has the plugins that it chooses, beside a plain one that chooses others", arguments: pools)
  func plugins(workers: Int) async throws {
    var configuration = ServerConfiguration.tls(workers: workers)
    configuration.endpoints[0].plugins = []
    configuration.endpoints.append(Endpoint(name: "plain", .tcp(host: "127.0.0.1", port: 0)))
    configuration.endpoints[1].plugins = ["broadcast"]
    try await TestServer.run(configuration, plugins: BroadcastTests.plugin(), register: { $0.route(7, echo) }) { server in
      let secure = try await server.connectTLS()
      try await secure.send(RawFrame(4, "nobody hears").bytes())
      #expect(try await secure.exchange(RawFrame(7, "sealed")).text == "sealed")
      #expect(server.server.counters.unknownMessages == 1)
      // A client is through with its handshake before the server is, so the second one comes only now.
      let plain = try RawPeer(port: server.server.addresses[1].port)
      #expect(try await plain.exchange(RawFrame(7, "plain")).text == "plain")
      #expect(try await server.connection(0).tls != nil)
      #expect(try await server.connection(1).tls == nil)
    }
  }

  @Test("passes a message of 16 MiB", arguments: pools)
  func large(workers: Int) async throws {
    let size = 16 << 20
    try await TestServer.run(.tls(workers: workers, rest: { $0.maxPacketSize = UInt32(size) }), register: { $0.route(7, echo) }) {
      server in
      let peer = try await server.connectTLS()
      let data = (0..<size).map { UInt8(truncatingIfNeeded: $0 >> 7 ^ $0) }
      let bytes = RawFrame(7, data).bytes()
      for start in stride(from: 0, to: bytes.count, by: 1 << 20) {
        try await peer.send(Array(bytes[start..<min(start + 1 << 20, bytes.count)]))
      }
      #expect(try await peer.receiveFrame().data == data)
    }
  }

  @Test("keeps what a slow peer does not read in the queue, and closes one that reads nothing", arguments: pools)
  func slowConsumer(workers: Int) async throws {
    let configuration = ServerConfiguration.tls(
      workers: workers,
      rest: {
        $0.slowConsumerTimeout = .milliseconds(200)
        $0.maxPacketSize = 1 << 20
      })
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectTLS(receiveBuffer: 4096)
      let frame = RawFrame(7, [UInt8](repeating: 1, count: 200_000))
      for _ in 0..<40 { peer.seal(frame.bytes()) }
      let sealed = Array(peer.session.output)
      // On a busy machine it may be closed while it still sends.
      _ = try? await peer.raw.sendUntilBlocked(sealed)
      #expect(try await server.reason() == .slowConsumer)
      #expect(server.server.queuedBytes == 0)
    }
  }

  @Test("answers a peer that has said farewell, and says it too", arguments: pools)
  func farewell(workers: Int) async throws {
    try await TestServer.run(.tls(workers: workers), register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectTLS()
      peer.seal(RawFrame(7, "last").bytes())
      peer.session.end()
      try await peer.flush()
      peer.raw.shutdownWrite()
      #expect(try await peer.receiveAll() == RawFrame(7, "last").bytes())
      #expect(peer.end == .closed)
      #expect(try await server.reason() == .peerClosed)
    }
  }

  @Test("says farewell before it shuts down its side")
  func stops() async throws {
    try await TestServer.run(.tls(), register: { $0.route(7) { $0.connection.stop() } }) { server in
      let peer = try await server.connectTLS()
      try await peer.send(RawFrame(7, "stop").bytes())
      #expect(try await peer.receiveAll().isEmpty)
      #expect(peer.end == .closed)
      peer.raw.close()
      #expect(try await server.reason() == .stopped)
    }
  }

  @Test("takes the end of the stream between two messages for a close, and within a message or a record for what it is")
  func ends() async throws {
    try await TestServer.run(
      .tls { _ in
      } rest: {
        $0.ioThreads = 1
      }, register: { $0.route(7, echo) }
    ) { server in
      let polite = try await server.connectTLS()
      #expect(try await polite.exchange(RawFrame(7, "a")).text == "a")
      polite.raw.shutdownWrite()
      #expect(try await server.reason(0) == .peerClosed)
      let inMessage = try await server.connectTLS()
      try await inMessage.send(Array(RawFrame(7, "half").bytes().dropLast()))
      inMessage.raw.shutdownWrite()
      #expect(try await server.reason(1) == .truncated)
      let inRecord = try await server.connectTLS()
      inRecord.seal(RawFrame(7, "half").bytes())
      try await inRecord.raw.send(Array(inRecord.session.output.dropLast()))
      inRecord.raw.shutdownWrite()
      #expect(try await server.reason(2) == .truncated)
    }
  }

  @Test("ends a connection whose bytes were changed on the way, with an alert, and says why in the log")
  func changed() async throws {
    try await TestServer.run(.tls(), register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectTLS()
      peer.seal(RawFrame(7, "changed").bytes())
      var sealed = Array(peer.session.output)
      sealed[sealed.count - 1] ^= 1
      try await peer.raw.send(sealed)
      #expect(try await server.reason() == .tlsFailed)
      #expect(try #require(server.ended.first).0.closeText == "decryption failed or bad record mac")
      #expect(try await peer.receiveAll().isEmpty)
      #expect(peer.end == .failed(TLSFailure(reason: "sslv3 alert bad record mac")))
    }
  }

  @Test("drains: what was received is answered, and a handshake that goes on is closed")
  func drains() async throws {
    let test = try TestServer(.tls(), register: { $0.route(7, echo) })
    try await test.start()
    let peer = try await test.connectTLS()
    #expect(try await peer.exchange(RawFrame(7, "a")).text == "a")
    let arriving = try test.connect()
    try await arriving.send([0x16, 3, 1])
    // These bytes are read in the wake-up of this answer at the latest: a descriptor that is closed with unread ones resets the connection.
    #expect(try await peer.exchange(RawFrame(7, "a")).text == "a")
    try await peer.send(RawFrame(7, "b").bytes(times: 100))
    async let cut = test.server.drain(timeout: .seconds(20))
    #expect(try await arriving.receiveAll().isEmpty)
    let answers = try await peer.receiveAll()
    peer.raw.close()
    #expect(answers == RawFrame(7, "b").bytes(times: 100))
    #expect(peer.end == .closed)
    #expect(await cut == 0)
    #expect(test.ended.map(\.1) == [.draining])
    #expect(test.server.counters.failedArrivals.isEmpty)
  }

  @Test("closes peers that are idle, and those that begin a message and do not end it, as a plain one does")
  func timeouts() async throws {
    let configuration = ServerConfiguration.tls { _ in
    } rest: {
      $0.idleTimeout = .milliseconds(150)
      $0.ioThreads = 1
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectTLS()
      #expect(try await peer.receiveAll().isEmpty)
      #expect(peer.end == .closed)
      peer.raw.close()
      #expect(try await server.reason() == .idle)
    }
  }

  @Test("reads no faster than it may")
  func rate() async throws {
    let configuration = ServerConfiguration.tls { _ in
    } rest: {
      $0.maxMsgRate = 50
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectTLS()
      try await peer.send(RawFrame(7, "x").bytes(times: 60))
      for _ in 0..<60 { #expect(try await peer.receiveFrame().text == "x") }
      #expect(server.server.counters.readPauses > 0)
    }
  }
}

@Suite("A handshake", .timeLimit(.minutes(1)))
struct HandshakeTests {
  @Test("of a peer that speaks something else fails, is told and counted, and gives its place back")
  func stranger() async throws {
    try await TestServer.run(
      .tls { _ in
      } rest: {
        $0.maxConn = 1
      }, register: { $0.route(7, echo) }
    ) { server in
      let stranger = try server.connect()
      try await stranger.send(RawFrame(7, "plain").bytes())
      // OpenSSL has no alert for who does not speak TLS at all.
      #expect(try await stranger.receiveAll().isEmpty)
      stranger.close()
      #expect(try await server.failedArrivals(1) == ["secure tls-failed: wrong version number; ltv-le"])
      #expect(server.server.counters.failedArrivals == [.tlsFailed: 1])
      #expect(server.added.isEmpty)
      var peer = try TLSPeer(server.connect())
      // The place is free when the stranger has closed, a moment later.
      while (try? await peer.shake()) == nil { peer = try TLSPeer(server.connect()) }
      #expect(try await peer.exchange(RawFrame(7, "in")).text == "in")
    }
  }

  @Test("of a peer that speaks something else fails with what that is", arguments: Stranger.all)
  func strangers(_ stranger: Stranger) async throws {
    guard stranger.looksLike != .tls else { return }
    try await TestServer.run(.tls(), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      try await peer.send(stranger.bytes)
      _ = try await peer.receiveAll()
      #expect(try await server.failedArrivals(1).first?.hasSuffix("; \(stranger.looksLike)") == true)
    }
  }

  @Test("of a peer whose plain bytes come one by one fails with what they are")
  func oneByOne() async throws {
    try await TestServer.run(.tls(), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      for byte in Array("SSH-2.0-x\r\n".utf8).prefix(5) {
        try await peer.send([byte])
        try await server.loopsAnswer()
      }
      _ = try await peer.receiveAll()
      #expect(try await server.failedArrivals(1) == ["secure tls-failed: wrong version number; ssh"])
    }
  }

  @Test("that breaks after it has begun looks like nothing but TLS")
  func brokenHello() async throws {
    try await TestServer.run(.tls(), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      try await peer.send([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0])
      _ = try await peer.receiveAll()
      let told = try await server.failedArrivals(1)
      #expect(told.first?.contains(";") == false)
    }
  }

  @Test("has a place in MaxConn, and its time is limited")
  func time() async throws {
    let configuration = ServerConfiguration.tls({ $0.handshakeTimeout = .milliseconds(300) }, rest: { $0.maxConn = 1 })
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let slow = try server.connect()
      try await slow.send([0x16])
      #expect(try await server.connect().receiveAll().isEmpty)
      #expect(server.refusals == [.maxConn: 1])
      #expect(server.connManager.count == 0)
      #expect(try await slow.receiveAll().isEmpty)
      #expect(try await server.failedArrivals(1) == ["secure tls-failed: it was not done within 0.3 seconds"])
    }
  }

  @Test("that the peer ends, or resets, fails")
  func gone() async throws {
    try await TestServer.run(
      .tls { _ in
      } rest: {
        $0.ioThreads = 1
      }
    ) { server in
      try server.connect().close()
      #expect(try await server.failedArrivals(1).last == "secure tls-failed: the peer closed before it was done")
      let peer = try server.connect()
      try await peer.send([0x16])
      try await server.loopsAnswer()
      peer.reset()
      #expect(try await server.failedArrivals(2).last == "secure tls-failed: the connection was reset")
    }
  }

  @Test("counts in MaxConnPerIP, and gives that place back too")
  func perIP() async throws {
    let configuration = ServerConfiguration.tls { _ in
    } rest: {
      $0.maxConnPerIP = 1
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let first = try server.connect()
      try await first.send([0x16])
      #expect(try await server.connect().receiveAll().isEmpty)
      #expect(server.refusals == [.maxConnPerIP: 1])
      first.close()
      _ = try await server.failedArrivals(1)
      try await server.loopsAnswer()
      let peer = try await server.connectTLS()
      #expect(try await peer.exchange(RawFrame(7, "in")).text == "in")
      #expect(try await server.connect().receiveAll().isEmpty)
    }
  }

  @Test("shows plugins a client's certificate, and keeps out who has none")
  func mutual() async throws {
    let configuration = ServerConfiguration.tls {
      $0.clientAuth = .require
      $0.clientCAFile = Certificates.path("ca.pem")
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let device = try await server.connectTLS(.tests(certificate: "client"))
      #expect(try await device.exchange(RawFrame(7, "in")).text == "in")
      #expect(try await server.connection().tls?.peerCertificate?.subject == "O=Example,CN=device 7")
      let nobody = try await server.connectTLS()
      try await nobody.send(RawFrame(7, "lost").bytes())
      #expect(try await nobody.receiveAll().isEmpty)
      // It is told why, though it has sent a message meanwhile.
      #expect(nobody.end == .failed(TLSFailure(reason: "tlsv13 alert certificate required")))
      nobody.raw.close()
      #expect(try await server.failedArrivals(1) == ["secure tls-failed: peer did not return a certificate"])
    }
  }

  @Test("lets a certificate say who a client is, and others log in")
  func identity() async throws {
    let configuration = ServerConfiguration.tls {
      $0.clientAuth = .request
      $0.clientCAFile = Certificates.path("ca.pem")
    }
    try await TestServer.run(configuration) { routes in
      routes.authenticate(Authentication(ids: [10]))
      routes.onConnStart { connection in
        guard let certificate = connection.tls?.peerCertificate else { return }
        try connection.bind(user: certificate.subject, .replace())
      }
      routes.route(7) { request in try request.reply(request.connection.user ?? "") }
      routes.route(10) { request in try request.connection.bind(user: String(buffer: request.data)) }
    } use: { server in
      let device = try await server.connectTLS(.tests(certificate: "client"))
      #expect(try await device.exchange(RawFrame(7)).text == "O=Example,CN=device 7")
      let person = try await server.connectTLS()
      try await person.send(RawFrame(7).bytes() + RawFrame(10, "mario").bytes())
      #expect(try await person.exchange(RawFrame(7)).text == "mario")
      #expect(server.server.counters.unauthenticatedMessages == 1)
      // Who comes again takes the place of its lost connection.
      let again = try await server.connectTLS(.tests(certificate: "client"))
      #expect(try await again.exchange(RawFrame(7)).text == "O=Example,CN=device 7")
      #expect(try await server.reason(0) == .replaced)
    }
  }

  @Test("after a reload has the new certificate, and connections keep theirs")
  func reload() async throws {
    let configuration = ServerConfiguration.tls()
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let before = try await server.connectTLS()
      #expect(before.session.presented == "localhost")
      var changed = configuration
      changed.endpoints[0].tls?.certFile = Certificates.path("other.pem")
      changed.endpoints[0].tls?.privateKeyFile = Certificates.path("other.key")
      try await server.server.reload(changed)
      var client = TLSClientConfiguration.tests()
      client.serverName = "other.test"
      let after = try await server.connectTLS(client)
      #expect(after.session.presented == "other.test")
      #expect(try await before.exchange(RawFrame(7, "on")).text == "on")
      #expect(try await after.exchange(RawFrame(7, "on")).text == "on")
    }
  }

  @Test("is what it was after a reload that was refused", arguments: ["expired.pem", "other.pem", "nothing.pem"])
  func refused(certificate: String) async throws {
    let configuration = ServerConfiguration.tls()
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      var changed = configuration
      changed.endpoints[0].tls?.certFile = Certificates.path(certificate)
      if certificate == "expired.pem" { changed.endpoints[0].tls?.privateKeyFile = Certificates.path("expired.key") }
      await #expect(throws: ZinxError.self) { try await server.server.reload(changed) }
      let peer = try await server.connectTLS()
      #expect(try await peer.exchange(RawFrame(7, "on")).text == "on")
    }
  }

  @Test("with a certificate that has expired is possible at a start, which is told")
  func expired() async throws {
    let configuration = ServerConfiguration.tls {
      $0.certFile = Certificates.path("expired.pem")
      $0.privateKeyFile = Certificates.path("expired.key")
    }
    try await TestServer.run(configuration) { server in
      let told = server.events.all.compactMap {
        if case .certificateOutOfTime(let fault, let listener) = $0 { "\(listener) \(fault.problem)" } else { nil }
      }
      #expect(told == ["secure expired(1609459200)"])
    }
  }

  @Test("with a certificate that ends within two weeks is told again each day, and counted")
  func endsSoon() async throws {
    // 2120-01-01, when those of the tests end.
    let (end, day): (Int64, Int64) = (4_733_510_400, 86400)
    try await TestServer.run(.tls()) { server in
      let told = { server.events.all.filter { if case .certificateOutOfTime = $0 { true } else { false } }.count }
      server.server.tellCertificates(at: end - 14 * day)
      #expect(told() == 0)
      server.server.tellCertificates(at: end - 14 * day + 1)
      server.server.tellCertificates(at: end - 13 * day)
      #expect(told() == 2)
      #expect(server.server.counters.certificateWarnings == 2)
    }
  }

  @Test("is not asked of a listener that becomes plain, and is of one that becomes secure")
  func turns() async throws {
    let secure = ServerConfiguration.tls()
    var plain = secure
    plain.endpoints[0].tls = nil
    try await TestServer.run(plain, register: { $0.route(7, echo) }) { server in
      let first = try server.connect()
      #expect(try await server.serves(first))
      try await server.server.reload(secure)
      let peer = try await server.connectTLS()
      #expect(try await peer.exchange(RawFrame(7, "sealed")).text == "sealed")
      try await server.server.reload(plain)
      #expect(try await server.servesPeer())
      #expect(try await server.serves(first))
    }
  }
}
