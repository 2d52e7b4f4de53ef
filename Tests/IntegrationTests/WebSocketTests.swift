import Glibc
import NIOCore
import Testing
import Zinx
import ZinxTLS
import ZinxTestKit
import ZinxWire

extension ServerConfiguration {
  /// One listener for WebSockets on 127.0.0.1.
  fileprivate static func web(
    workers: Int = 0, _ change: (inout Endpoint) -> Void = { _ in }, rest: (inout ServerConfiguration) -> Void = { _ in }
  ) -> ServerConfiguration {
    test(workers: workers) {
      var endpoint = Endpoint(name: "web", .tcp(host: "127.0.0.1", port: 0))
      endpoint.transport = .webSocket
      change(&endpoint)
      $0.endpoints = [endpoint]
      rest(&$0)
    }
  }
}

extension TLSConfiguration {
  fileprivate static var ofTests: Self {
    Self(certFile: Certificates.path("server.pem"), privateKeyFile: Certificates.path("server.key"))
  }
}

extension TestServer {
  fileprivate func connectWeb(_ path: String = "/", _ more: String = "") async throws -> WebSocketPeer {
    let peer = WebSocketPeer(try connect())
    try await peer.upgrade(path, more)
    return peer
  }

  fileprivate func connectSecureWeb() async throws -> WebSocketPeer {
    let tls = try TLSPeer(connect())
    try await tls.shake()
    let peer = WebSocketPeer(tls.raw, tls: tls)
    try await peer.upgrade()
    return peer
  }

  /// What a request is answered by; empty if it is not.
  fileprivate func status(_ request: [UInt8]) async throws -> String {
    let raw = try connect()
    do {
      try await raw.send(request)
      let answer = String(decoding: try await raw.receiveAll(), as: UTF8.self)
      return String(answer.prefix(12).suffix(3))
    } catch RawPeer.Failure.reset { return "" }
  }
}

@Suite("A listener for WebSockets", .timeLimit(.minutes(1)))
struct WebSocketTests {
  @Test(arguments: pools)
  func `takes the payload of messages for the stream, wherever they begin and end, and answers each with one`(
    workers: Int
  ) async throws {
    try await TestServer.run(.web(workers: workers), register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectWeb()
      #expect(try await peer.exchange(RawFrame(7, "whole")).text == "whole")
      try await peer.sendMessage(RawFrame(7, "glued").bytes(times: 100))
      for _ in 0..<100 { #expect(try await peer.message().text == "glued") }
      for byte in RawFrame(7, "split").bytes() { try await peer.sendMessage([byte]) }
      #expect(try await peer.message().text == "split")
      let bytes = RawFrame(7, "fragments").bytes()
      try await peer.send(
        WebSocketPeer.frame(0x02, Array(bytes.prefix(3))) + WebSocketPeer.frame(0x89, [1, 2])
          + WebSocketPeer.frame(0x80, Array(bytes.dropFirst(3))))
      #expect(try await peer.frame() == WebSocketPeer.Frame(first: 0x8A, payload: [1, 2]))
      #expect(try await peer.message().text == "fragments")
      for byte in WebSocketPeer.frame(0x82, RawFrame(7, "dribbled").bytes()) { try await peer.send([byte]) }
      #expect(try await peer.message().text == "dribbled")
    }
  }

  @Test(arguments: pools)
  func `passes messages of every size`(workers: Int) async throws {
    let configuration = ServerConfiguration.web(workers: workers, rest: { $0.maxPacketSize = 1 << 22 })
    try await TestServer.run(configuration, register: { $0.route(7) { try $0.echo() } }) { server in
      let peer = try await server.connectWeb()
      for size in [0, 117, 118, 119, 65_526, 65_527, 65_528, 300_000, 1 << 22] {
        let data = (0..<size).map { UInt8(truncatingIfNeeded: $0 >> 7 ^ $0) }
        #expect(try await peer.exchange(RawFrame(7, data)).data == data, "\(size)")
      }
    }
  }

  @Test func `takes a message in one piece with the request, and tells plugins what that says`() async throws {
    let configuration = ServerConfiguration.web {
      $0.path = "/ws"
      $0.subprotocols = ["zinx.v1"]
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server async throws in
      let peer = WebSocketPeer(try server.connect())
      try await peer.send(
        WebSocketPeer.request("/ws?room=1", "X-Token: abc\r\nSec-WebSocket-Protocol: other, zinx.v1\r\n")
          + WebSocketPeer.frame(0x82, RawFrame(7, "early").bytes()))
      #expect(try await peer.answer().contains("\r\nSec-WebSocket-Protocol: zinx.v1\r\n"))
      #expect(try await peer.message().text == "early")
      let connection = try await server.connection()
      let request = try #require(connection.webSocketRequest)
      #expect(request.path == "/ws" && request.query == "room=1" && request["x-token"] == "abc")
      #expect(connection.webSocketSubprotocol == "zinx.v1")
    }
  }

  private struct NotAllowed: Error, CustomStringConvertible { var description: String { "no such session" } }

  @Test(arguments: pools)
  func
    `lets a cookie or a token of the handshake say who a client is, keeps out who has a bad one, and others log in by a message`(
      workers: Int
    ) async throws
  {
    let register: (inout RouteRegistrar) -> Void = { routes in
      routes.authenticate(Authentication(ids: [10]))
      routes.authenticateWebSockets(.replace()) { request in
        // As from a database.
        await Task.yield()
        guard let session = request.cookie("session") ?? request.parameter("token") else { return nil }
        guard session.hasPrefix("good-") else { throw NotAllowed() }
        return String(session.dropFirst(5))
      }
      routes.route(10) { request in
        try request.connection.bind(user: request.data.text)
        try request.reply("welcome")
      }
      routes.route(7) { request in try request.reply(request.user ?? "nobody") }
    }
    try await TestServer.run(.web(workers: workers), register: register) { server in
      let cookie = WebSocketPeer(try server.connect())
      // The first message comes with the handshake.
      try await cookie.send(
        WebSocketPeer.request("/", "Cookie: theme=dark; session=good-mario\r\n") + WebSocketPeer.frame(0x82, RawFrame(7).bytes()))
      #expect(try await cookie.answer().hasPrefix("HTTP/1.1 101 "))
      #expect(try await cookie.message().text == "mario")

      let token = try await server.connectWeb("/?room=1&token=good-prin%63ess")
      #expect(try await token.exchange(RawFrame(7)).text == "princess")

      // It learns nothing of why, and what it sends behind its request reaches nobody.
      let bad = WebSocketPeer(try server.connect())
      try await bad.send(
        WebSocketPeer.request("/", "Cookie: session=stolen\r\n") + WebSocketPeer.frame(0x82, RawFrame(10, "mario").bytes()))
      let answer = try await bad.answer()
      #expect(answer.hasPrefix("HTTP/1.1 401 Unauthorized\r\n") && answer.contains("\r\nWWW-Authenticate: Bearer\r\n"))
      #expect(!answer.contains("no such session"))
      bad.raw.close()
      #expect(try await server.failedArrivals(1) == ["web unauthenticated: no such session"])

      let other = try await server.connectWeb()
      try await other.sendMessage(RawFrame(7).bytes())
      #expect(try await other.exchange(RawFrame(10, "luigi")).text == "welcome")
      #expect(try await other.exchange(RawFrame(7)).text == "luigi")
      #expect(server.server.counters.unauthenticatedMessages == 1)

      let again = try await server.connectWeb("/?token=good-mario")
      #expect(try await again.exchange(RawFrame(7)).text == "mario")
      #expect(try await cookie.frame().code == 1008)
      cookie.raw.close()
      #expect(try await server.reason() == .replaced)
      #expect(server.server.users["mario"].count == 1)
      #expect(server.server.counters.failedArrivals == [.unauthenticated: 1])
    }
  }

  @Test(arguments: pools)
  func `answers 401 to a second login that is to be refused, and lets the user in when the first has gone`(workers: Int)
    async throws
  {
    let register: (inout RouteRegistrar) -> Void = { routes in
      routes.authenticateWebSockets(.refuse) { $0.parameter("user") }
      routes.route(7) { request in try request.reply(request.user ?? "nobody") }
    }
    try await TestServer.run(.web(workers: workers), register: register) { server in
      let first = try await server.connectWeb("/?user=mario")
      #expect(try await first.exchange(RawFrame(7)).text == "mario")
      #expect(try await server.status(WebSocketPeer.request("/?user=mario")) == "401")
      first.raw.close()
      try await until { server.server.users.count == 0 }
      let second = try await server.connectWeb("/?user=mario")
      #expect(try await second.exchange(RawFrame(7)).text == "mario")
    }
  }

  @Test(arguments: pools)
  func `does not wait longer than for any login for who asks about a handshake, nor for who is no more there`(
    workers: Int
  ) async throws {
    let (asked, cancelled) = (Recorder<String>(), Recorder<String>())
    var authentication = Authentication(ids: [10])
    authentication.deadline = .milliseconds(300)
    let register: (inout RouteRegistrar) -> Void = { [authentication] routes in
      routes.authenticate(authentication)
      routes.authenticateWebSockets { request in
        asked.append(request.query ?? "")
        let never = AsyncStream<Never> { _ in }
        for await _ in never {}
        cancelled.append(request.query ?? "")
        return "mario"
      }
    }
    try await TestServer.run(.web(workers: workers), register: register) { server in
      let (slow, gone) = (WebSocketPeer(try server.connect()), WebSocketPeer(try server.connect()))
      try await slow.send(WebSocketPeer.request("/?slow"))
      try await asked.wait(for: 1)
      try await gone.send(WebSocketPeer.request("/?gone"))
      try await asked.wait(for: 2)
      #expect(server.server.arriving == 2)
      gone.raw.reset()
      try await cancelled.wait(for: 2)
      #expect(try await slow.raw.receiveAll() == [])
      slow.raw.close()
      let failures = try await server.failedArrivals(2)
      #expect(failures.allSatisfy { $0.hasPrefix("web unauthenticated: ") })
      #expect(failures.contains("web unauthenticated: it was not done within 0.3 seconds"))
      #expect(server.server.counters.connectionsAccepted == 0 && server.server.users.count == 0)
    }
  }

  @Test func `is wss with TLS, also where all comes in one piece`() async throws {
    let configuration = ServerConfiguration.web {
      $0.tls = .ofTests
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let tls = try TLSPeer(server.connect())
      try await tls.shake()
      let peer = WebSocketPeer(tls.raw, tls: tls)
      try await peer.send(WebSocketPeer.request() + WebSocketPeer.frame(0x82, RawFrame(7, "early").bytes()))
      #expect(try await peer.answer().hasPrefix("HTTP/1.1 101 "))
      #expect(try await peer.message().text == "early")
      #expect(try await peer.exchange(RawFrame(7, "hello")).text == "hello")
      try await peer.send(WebSocketPeer.frame(0x88, [0x03, 0xE8]))
      #expect(try await peer.frame().code == 1000)
      #expect(try await tls.receiveAll().isEmpty)
      #expect(tls.end == .closed)
      #expect(try await server.reason() == .peerClosed)
    }
  }

  @Test(
    arguments: [
      (WebSocketPeer.request("/other"), "404"), (WebSocketPeer.request("/", "Origin: https://evil.example\r\n"), "403"),
      (Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), "426"), (Array("PUT / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), "400"),
      (RawFrame(7, "a Zinx client").bytes(), "400"),
      (Array("GET / HTTP/1.1\r\nA: ".utf8) + [UInt8](repeating: 65, count: 9000), "400"),
    ])
  func `answers whoever may not come in, and gives the place back`(request: [UInt8], status: String) async throws {
    let configuration = ServerConfiguration.web({ $0.maxConn = 1 }, rest: { $0.ioThreads = 1 })
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      #expect(try await server.status(request) == status)
      let told = try await server.failedArrivals(1)
      #expect(told.first?.hasPrefix("web websocket-protocol: ") == true, "\(told)")
      #expect(server.server.counters.failedArrivals == [.webSocketProtocol: 1])
      var answer = ""
      while answer.isEmpty { answer = try await server.status(WebSocketPeer.request("/again")) }
      #expect(answer == "404")
      #expect(server.added.isEmpty)
    }
  }

  @Test(
    arguments: Stranger.all.filter { $0.looksLike != .webSocket && $0.description != "curl" }.map { ($0.bytes, $0.looksLike) }
      + [(RawFrame(7, "a Zinx client").bytes(), .frames(.ltvLittleEndian))])
  func `tells what a peer speaks that sends no request, as soon as that shows`(
    bytes: [UInt8], looksLike: Lookalike
  ) async throws {
    try await TestServer.run(.web(), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      try await peer.send(bytes)
      let failed = try await server.failedArrivals(1)
      #expect(failed.count == 1)
      #expect(failed[0].hasPrefix("web websocket-protocol: ") && failed[0].hasSuffix("; \(looksLike)"), "\(failed)")
      peer.close()
    }
  }

  @Test func `waits for a request no longer than FrameTimeout`() async throws {
    try await TestServer.run(.web(rest: { $0.frameTimeout = .milliseconds(200) })) { server in
      let raw = try server.connect()
      try await raw.send(Array("GET / HT".utf8))
      _ = try? await raw.receiveAll()
      #expect(try await server.failedArrivals(1) == ["web websocket-protocol: it was not done within 0.2 seconds; http"])
    }
  }

  @Test(
    arguments: [
      (WebSocketPeer.frame(0x81, [65]), 1003, CloseReason.webSocketProtocol),
      ([0x82, 0x01, 0x00], 1002, .webSocketProtocol), (WebSocketPeer.frame(0x83, []), 1002, .webSocketProtocol),
      (WebSocketPeer.frame(0x88, [0x03, 0xE8, 0xFF]), 1007, .webSocketProtocol),
      (WebSocketPeer.frame(0x82, [0, 0, 0, 1, 7, 0, 0, 0]), 1009, .oversize),
    ] as [([UInt8], UInt16, CloseReason)])
  func `closes with the code that tells why, after it has answered what came before`(
    bytes: [UInt8], code: UInt16, reason: CloseReason
  ) async throws {
    try await TestServer.run(.web(), register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectWeb()
      try await peer.send(WebSocketPeer.frame(0x82, RawFrame(7, "before").bytes()) + bytes)
      #expect(try await peer.message().text == "before")
      let last = try await peer.frame()
      #expect(last.first == 0x88 && last.code == code)
      #expect(try await peer.raw.receiveAll().isEmpty)
      peer.raw.close()
      #expect(try await server.reason() == reason)
    }
  }

  @Test func `closes with 1000 for the end by a plugin, 1001 for a drain, and 1008 for any other reason`() async throws {
    try await TestServer.run(.web(), register: { $0.route(7) { $0.connection.stop() } }) { server in
      let stopped = try await server.connectWeb()
      try await stopped.sendMessage(RawFrame(7, "").bytes())
      #expect(try await stopped.frame().code == 1000)
      stopped.raw.close()
    }
    try await TestServer.run(.web(rest: { $0.idleTimeout = .milliseconds(150) }), register: { $0.route(7, echo) }) { server in
      let idle = try await server.connectWeb()
      #expect(try await idle.frame().code == 1008)
      idle.raw.close()
    }
    let test = try TestServer(.web()) { $0.route(7, echo) }
    try await test.start()
    let peer = try await test.connectWeb()
    try await peer.sendMessage(RawFrame(7, "last").bytes())
    async let cut = test.server.drain(timeout: .seconds(20))
    #expect(try await peer.message().text == "last")
    #expect(try await peer.frame().code == 1001)
    peer.raw.close()
    #expect(await cut == 0)
  }

  @Test(arguments: pools, [false, true])
  func `closes with 1001 when a drain has no more time for its handler`(workers: Int, hasTLS: Bool) async throws {
    let handling = Gate()
    let test = try TestServer(.web(workers: workers) { if hasTLS { $0.tls = .ofTests } }) {
      $0.route(7) { _ in
        handling.open()
        try await Gate().pass()
      }
    }
    try await test.start()
    let peer = hasTLS ? try await test.connectSecureWeb() : try await test.connectWeb()
    try await peer.sendMessage(RawFrame(7, "").bytes())
    try await handling.pass()
    async let cut = test.server.drain(timeout: .zero)
    #expect(try await peer.frame() == WebSocketPeer.Frame(first: 0x88, payload: [0x03, 0xE9]))
    if let tls = peer.tls {
      #expect(try await tls.receiveAll().isEmpty)
      #expect(tls.end == .closed)
    }
    #expect(await cut == 1)
    #expect(try await test.reason() == .drainTimeout)
  }

  @Test func `sees a session end that ends in one piece with the request`() async throws {
    try await TestServer.run(.web { $0.tls = .ofTests }, register: { $0.route(7, echo) }) { server in
      let tls = try TLSPeer(server.connect())
      try await tls.shake()
      let peer = WebSocketPeer(tls.raw, tls: tls)
      tls.seal(WebSocketPeer.request() + WebSocketPeer.frame(0x82, RawFrame(7, "last").bytes()))
      tls.session.end()
      try await tls.flush()
      #expect(try await peer.answer().hasPrefix("HTTP/1.1 101 "))
      #expect(try await peer.message().text == "last")
      #expect(try await peer.frame().code == 1000)
      #expect(try await tls.receiveAll().isEmpty)
      #expect(try await server.reason() == .peerClosed)
    }
  }

  @Test(arguments: pools)
  func `answers what came before a peer closes, then says its code again`(workers: Int) async throws {
    try await TestServer.run(.web(workers: workers), register: { $0.route(7, echo) }) { server in
      for (id, payload) in [[0x0B, 0xB8] + Array("bye".utf8), []].enumerated() {
        let peer = try await server.connectWeb()
        try await peer.send(WebSocketPeer.frame(0x82, RawFrame(7, "last").bytes()) + WebSocketPeer.frame(0x88, payload))
        #expect(try await peer.message().text == "last")
        #expect(try await peer.frame() == WebSocketPeer.Frame(first: 0x88, payload: Array(payload.prefix(2))))
        #expect(try await peer.raw.receiveAll().isEmpty)
        #expect(try await server.reason(UInt64(id)) == .peerClosed)
      }
    }
  }

  @Test func `tells a peer that ends its stream between frames from one that is cut off inside one`() async throws {
    try await TestServer.run(.web(), register: { $0.route(7, echo) }) { server in
      let whole = try await server.connectWeb()
      try await whole.sendMessage(RawFrame(7, "last").bytes())
      whole.raw.shutdownWrite()
      #expect(try await whole.message().text == "last")
      #expect(try await whole.frame().code == 1000)
      #expect(try await server.reason(0) == .peerClosed)
      for (id, bytes) in [
        WebSocketPeer.frame(0x02, RawFrame(7, "x").bytes()), WebSocketPeer.frame(0x82, [1, 0, 0]), [0x82],
      ].enumerated() {
        let cut = try await server.connectWeb()
        try await cut.send(bytes)
        cut.raw.shutdownWrite()
        #expect(try await server.reason(UInt64(id) + 1) == .truncated)
      }
    }
  }

  @Test func `gets messages to many as all others do`() async throws {
    var configuration = ServerConfiguration.web()
    configuration.endpoints.append(Endpoint(name: "plain", .tcp(host: "127.0.0.1", port: 0)))
    try await TestServer.run(
      configuration, register: { $0.route(7) { try await $0.connection.connManager.broadcast(7, $0.data) } }
    ) { server in
      let plain = try RawPeer(port: server.server.addresses[1].port)
      let peers = [try await server.connectWeb(), try await server.connectWeb()]
      try await server.events.wait { $0.count { if case .connectionAdded = $0 { true } else { false } } == 3 }
      try await plain.send(RawFrame(7, "to all"))
      #expect(try await plain.frame().text == "to all")
      for peer in peers { #expect(try await peer.message().text == "to all") }
    }
  }

  @Test(arguments: pools)
  func `gets its answers in order, gathered or not, whatever their size`(workers: Int) async throws {
    let configuration = ServerConfiguration.web(workers: workers, rest: { $0.maxPacketSize = 1 << 20 })
    try await TestServer.run(
      configuration,
      register: {
        $0.route(7) { try await $0.connection.sendBuffMsg(7, $0.data) }
        $0.route(8) { try await $0.connection.sendMsg(8, $0.data) }
        $0.route(9) { try $0.echo() }
      }
    ) { server in
      let peer = try await server.connectWeb()
      let sizes = [0, 5, 100, 109, 110, 117, 118, 200, 4096, 65_527, 65_528, 70_000]
      let frames = sizes.flatMap { size in
        (7...9).map { RawFrame($0, (0..<size).map { UInt8(truncatingIfNeeded: $0 ^ size) }) }
      }
      try await peer.sendMessage(frames.flatMap { $0.bytes() })
      for frame in frames { #expect(try await peer.message() == frame) }
    }
  }

  @Test(arguments: pools)
  func `gets more answers of one handler than its queue holds, as long as it reads`(workers: Int) async throws {
    try await TestServer.run(
      .web(workers: workers, rest: { $0.maxMsgChanLen = 8 }),
      register: { $0.route(7) { request in for number in 0..<100 { try request.reply("\(number)") } } }
    ) { server in
      let peer = try await server.connectWeb()
      try await peer.sendMessage(RawFrame(7, "x").bytes())
      for number in 0..<100 { #expect(try await peer.message().text == "\(number)") }
      #expect(server.server.counters.handlerErrors == 0)
    }
  }

  @Test(arguments: pools, [false, true])
  func `says why it closes behind a message of which a part has left`(workers: Int, hasTLS: Bool) async throws {
    let configuration = ServerConfiguration.web(
      workers: workers, { if hasTLS { $0.tls = .ofTests } },
      rest: {
        $0.maxMsgChanLen = 16
        $0.lingerTimeout = .seconds(20)
      })
    try await TestServer.run(configuration, register: { $0.route(7) { $0.connection.stop() } }) { server in
      let peer = hasTLS ? try await server.connectSecureWeb() : try await server.connectWeb()
      let connection = try await server.connection(0)
      // Somebody else goes on sending: what comes after the handler has ended is not waited for, and is cut anywhere.
      let sender = Task {
        let data = ByteBuffer(repeating: 5, count: 100_000)
        while true {
          do { try connection.trySendBuffMsg(8, data) } catch ZinxError.sendBufferFull { await Task.yield() } catch { return }
        }
      }
      for _ in 0..<20 { #expect(try await peer.frame().payload.count == 100_008) }
      try await peer.sendMessage(RawFrame(7, "").bytes())
      var last = try await peer.frame()
      while last.first == 0x82 {
        #expect(last.payload.count == 100_008)
        last = try await peer.frame()
      }
      #expect(last.code == 1000)
      await sender.value
    }
  }

  @Test func `sends bytes as they are in a message of their own`() async throws {
    try await TestServer.run(
      .web(),
      register: {
        $0.route(7) {
          try await $0.connection.sendRaw(ByteBuffer(string: "raw"))
          try await $0.connection.sendMsg(7, $0.data)
        }
      }
    ) { server in
      let peer = try await server.connectWeb()
      try await peer.sendMessage(RawFrame(7, "x").bytes())
      #expect(try await peer.frame() == WebSocketPeer.Frame(first: 0x82, payload: Array("raw".utf8)))
      #expect(try await peer.message().text == "x")
    }
  }

  @Test(arguments: pools)
  func `closes a peer that begins a frame behind a message and does not go on`(workers: Int) async throws {
    let configuration = ServerConfiguration.web(workers: workers, rest: { $0.frameTimeout = .milliseconds(200) })
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectWeb()
      let frame = WebSocketPeer.frame(0x82, RawFrame(7, "whole").bytes())
      try await peer.send(frame + frame.prefix(5))
      #expect(try await peer.message().text == "whole")
      #expect(try await peer.frame().code == 1008)
      peer.raw.close()
      #expect(try await server.reason() == .headerTimeout)
    }
  }

  @Test(arguments: pools)
  func `closes a peer that reads nothing as a slow consumer`(workers: Int) async throws {
    let configuration = ServerConfiguration.web(
      workers: workers,
      rest: {
        $0.slowConsumerTimeout = .milliseconds(200)
        $0.maxPacketSize = 1 << 20
      })
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = WebSocketPeer(try server.connect(receiveBuffer: 4096))
      try await peer.upgrade()
      let frame = WebSocketPeer.frame(0x82, RawFrame(7, [UInt8](repeating: 1, count: 200_000)).bytes())
      // On a busy machine it may be closed while it still sends.
      _ = try? await peer.raw.sendUntilBlocked((0..<40).flatMap { _ in frame })
      #expect(try await server.reason() == .slowConsumer)
      #expect(server.server.queuedBytes == 0)
    }
  }

  @Test func `pings a silent peer, whose pong keeps it`() async throws {
    var heartbeat = Heartbeat()
    heartbeat.interval = .milliseconds(100)
    heartbeat.timeout = .milliseconds(1500)
    // Shorter than a server takes it otherwise.
    let live = LiveHeartbeat(heartbeat, grace: .zero)
    try await TestServer.run(.web(), register: { $0.heartbeat(live) }) { server in
      let peer = try await server.connectWeb()
      for _ in 0..<20 {
        #expect(try await peer.frame() == WebSocketPeer.Frame(first: 0x89, payload: []))
        try await peer.send(WebSocketPeer.frame(0x8A, []))
      }
      #expect(server.ended.isEmpty)
      // These are no messages of anybody.
      try await peer.send(WebSocketPeer.frame(0x89, [7]))
      while try await peer.frame() != WebSocketPeer.Frame(first: 0x8A, payload: [7]) {}
      #expect(server.server.counters.messagesSent == 0)
      #expect(server.server.connections.map(\.messagesSent) == [0])
    }
  }

  @Test func `believes a proxy that is named, and nobody else, whose connection it is`() async throws {
    let (proxy, denied) = (try Network("127.0.0.1"), try Network("192.0.2.9"))
    let configuration = ServerConfiguration.web(
      {
        $0.trustedProxies = [proxy]
        $0.deny = [denied]
      }, rest: { $0.maxConnPerIP = 1 })
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server async throws in
      let first = try await server.connectWeb("/", "X-Forwarded-For: 10.0.0.1, 192.0.2.7\r\nX-Forwarded-For: 127.0.0.1\r\n")
      #expect(try await server.connection(0).remoteAddress.host == "192.0.2.7")
      #expect(try await server.status(WebSocketPeer.request("/", "X-Forwarded-For: 192.0.2.7\r\n")).isEmpty)
      for denied in ["192.0.2.9", "192.0.2.9:4711", "[::ffff:192.0.2.9]:4711"] {
        #expect(try await server.status(WebSocketPeer.request("/", "X-Forwarded-For: \(denied)\r\n")).isEmpty)
      }
      #expect(server.refusals == [.maxConnPerIP: 1, .denied: 3])
      let second = try await server.connectWeb("/", "X-Forwarded-For: unknown\r\n")
      #expect(try await server.connection(1).remoteAddress.host == "127.0.0.1")
      let other = WebSocketPeer(try server.connect(from: "127.0.0.2"))
      try await other.upgrade("/", "X-Forwarded-For: 192.0.2.8\r\n")
      #expect(try await server.connection(2).remoteAddress.host == "127.0.0.2")
      for peer in [first, second, other] { peer.raw.close() }
    }
  }

  @Test func `takes the header of a proxy before the request`() async throws {
    let proxy = try Network("127.0.0.1")
    let configuration = ServerConfiguration.web {
      $0.proxyProtocol = .require
      $0.trustedProxies = [proxy]
    }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = WebSocketPeer(try server.connect())
      try await peer.send(
        Array("PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n".utf8) + WebSocketPeer.request("/", "X-Forwarded-For: 192.0.2.8\r\n"))
      #expect(try await peer.answer().hasPrefix("HTTP/1.1 101 "))
      #expect(try await peer.exchange(RawFrame(7, "in")).text == "in")
      #expect(try await server.connection().remoteAddress.description == "192.0.2.7:4711")
    }
  }

  @Test func `carries frames of others`() async throws {
    let lines = try LineFrames(delimiter: "\n".utf8, id: 7)
    try await TestServer.run(.web { $0.framing = .lines(lines) }, register: { $0.route(7, echo) }) { server in
      let peer = try await server.connectWeb()
      try await peer.sendMessage(Array("one\ntw".utf8))
      #expect(try await peer.frame() == WebSocketPeer.Frame(first: 0x82, payload: Array("one\n".utf8)))
      try await peer.sendMessage(Array("o\n".utf8))
      #expect(try await peer.frame() == WebSocketPeer.Frame(first: 0x82, payload: Array("two\n".utf8)))
    }
  }
}
