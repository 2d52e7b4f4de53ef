import Testing
import ZinxPlugins
import ZinxTLS
import ZinxTesting

@Suite("A server of a test", .timeLimit(.minutes(1)))
struct TestServerTests {
  /// Answers in capitals; 11 ends the connection, 12 fails, 13 goes elsewhere before it answers.
  static func routes(_ routes: inout RouteRegistrar) {
    routes.route(10) { request in try request.reply(String(buffer: request.data).uppercased()) }
    routes.route(11) { request in request.connection.stop() }
    routes.route(12) { _ in throw CancellationError() }
    routes.route(13) { request in
      let answer = await Task.detached { "from elsewhere" }.value
      try await request.connection.sendBuffMsg(13, answer)
    }
  }

  static let transports: [TestServer.Transport] = [.memory, .sockets]

  @Test(arguments: transports)
  func `refuses a listener with TLS, which its peers do not speak`(_ transport: TestServer.Transport) async throws {
    var configuration = TestServer.standardConfiguration
    configuration.endpoints = [Endpoint(name: "secure", .tcp(host: "127.0.0.1", port: 0))]
    configuration.endpoints[0].tls = TLSConfiguration(certFile: "c", privateKeyFile: "k")
    await #expect(throws: TestError.secureListener("secure")) { try await TestServer(transport, configuration: configuration) }
  }

  @Test(arguments: transports)
  func `refuses a listener with WebSockets, and one behind proxies`(_ transport: TestServer.Transport) async throws {
    let changes: [(inout Endpoint) -> Void] = [{ $0.transport = .webSocket }, { $0.proxyProtocol = .require }]
    for change in changes {
      var configuration = TestServer.standardConfiguration
      configuration.endpoints = [Endpoint(name: "other", .tcp(host: "127.0.0.1", port: 0))]
      change(&configuration.endpoints[0])
      await #expect(throws: TestError.wrappedListener("other")) { try await TestServer(transport, configuration: configuration) }
    }
  }

  @Test(arguments: transports)
  func `has handled what a peer sends, and the peer has the answer, when the send returns`(_ transport: TestServer.Transport)
    async throws
  {
    let server = try await TestServer(transport, register: Self.routes)
    let (one, other) = (try await server.connect(), try await server.connect())
    for round in 1...20 {
      try await one.send(10, "a\(round)")
      #expect(one.take() == [Message(10, "A\(round)")])
    }
    try await other.send(10, "b")
    #expect(other.received == [Message(10, "B")] && one.received.count == 20)
    #expect(server.server.counters.requestsReceived == 21)
    #expect(await server.stop() == 0)
    #expect(one.end == .draining && other.end == .draining)
  }

  @Test(arguments: transports)
  func `tells why a connection has ended, whoever ends it`(_ transport: TestServer.Transport) async throws {
    let server = try await TestServer(transport, register: Self.routes)
    let peers = [try await server.connect(), try await server.connect(), try await server.connect(), try await server.connect()]
    try await peers[0].send(11)
    await peers[1].close()
    peers[2].send(bytes: ByteBuffer(bytes: [1, 0, 0]))
    await peers[2].shutdown()
    #expect(try await peers[0].ended() == .stopped)
    #expect(try await peers[1].ended() == .peerClosed)
    #expect(try await peers[2].ended() == .truncated)
    #expect(peers[3].end == nil)
    await #expect(throws: TestError.ended(.stopped)) { try await peers[0].next() }
    try await peers[3].send(12, "?")
    #expect(peers[3].received.isEmpty && server.server.counters.handlerErrors == 1)
    await server.stop()
  }

  @Test(arguments: transports)
  func `moves its time for every time-out, in order`(_ transport: TestServer.Transport) async throws {
    var configuration = TestServer.standardConfiguration
    configuration.idleTimeout = .seconds(60)
    configuration.frameTimeout = .seconds(30)
    let server = try await TestServer(transport, configuration: configuration, register: Self.routes)
    let (idle, speaking, slow) = (try await server.connect(), try await server.connect(), try await server.connect())
    slow.send(bytes: ByteBuffer(bytes: [1]))
    await server.advance(by: .seconds(29))
    try await speaking.send(10, "x")
    await server.advance(by: .seconds(30))
    #expect(try await slow.ended() == .headerTimeout)
    #expect(idle.end == nil)
    await server.advance(by: .seconds(1))
    #expect(try await idle.ended() == .idle)
    #expect(speaking.end == nil)
    await server.advance(by: .seconds(3600))
    #expect(try await speaking.ended() == .idle)
    await server.stop()
  }

  @Test(arguments: transports)
  func `sends heartbeats at their times, and gives up who is silent`(_ transport: TestServer.Transport) async throws {
    let plugin = try HeartbeatPlugin.configured(["Interval": 10, "Timeout": 35])
    let server = try await TestServer(transport, plugins: [plugin])
    let peer = try await server.connect()
    await server.advance(by: .milliseconds(9_999))
    #expect(peer.received.isEmpty)
    await server.advance(by: .milliseconds(1))
    #expect(peer.received.map(\.id) == [99_999])
    await server.advance(by: .seconds(20))
    #expect(peer.received.count == 3 && peer.end == nil)
    await server.advance(by: .seconds(5))
    #expect(try await peer.ended() == .heartbeatLost)
    await server.stop()
  }

  @Test(arguments: [0, 2])
  func `an answer to a heartbeat is not answered, and one that comes by itself later is`(workers: Int) async throws {
    var configuration = TestServer.standardConfiguration
    configuration.workerPoolSize = workers
    let server = try await TestServer(configuration: configuration, plugins: [try HeartbeatPlugin.configured(["Interval": 10])])
    let peer = try await server.connect()
    await server.advance(by: .seconds(10))
    #expect(peer.take().map(\.id) == [99_999])
    try await peer.send(99_999)
    #expect(peer.take() == [])
    await server.advance(by: .seconds(1))
    try await peer.send(99_999, "here")
    #expect(peer.take() == [Message(99_999, "here")])
    await server.stop()
  }

  @Test(arguments: [0, 2])
  func `a peer whose request took longer than the heartbeat's time-out has all of it again afterwards`(workers: Int) async throws
  {
    var configuration = TestServer.standardConfiguration
    configuration.workerPoolSize = workers
    var heartbeat = Heartbeat()
    heartbeat.timeout = .seconds(30)
    let (ends, end) = AsyncStream<Void>.makeStream()
    let server = try await TestServer(configuration: configuration) { [heartbeat] routes in
      routes.heartbeat(heartbeat)
      routes.route(1) { request in
        for await _ in ends { break }
        try await request.connection.sendBuffMsg(1, "done")
      }
    }
    let peer = try await server.connect()
    try await peer.send(1)
    // One moment before the time is over for the second time.
    await server.advance(by: .milliseconds(59_900))
    end.yield()
    #expect(try await peer.next() == Message(1, "done"))
    await server.advance(by: .milliseconds(29_900))
    #expect(peer.end == nil)
    await server.advance(by: .milliseconds(100))
    #expect(try await peer.ended() == .heartbeatLost)
    await server.stop()
  }

  @Test(arguments: transports)
  func `cancels a handler that is beyond its deadline`(_ transport: TestServer.Transport) async throws {
    let server = try await TestServer(transport) { routes in
      routes.route(1, deadline: .seconds(2)) { request in
        try await withTaskCancellationHandler {
          let never = AsyncStream<Void> { _ in }
          for await _ in never {}
          throw CancellationError()
        } onCancel: {
        }
      }
      routes.onFailure { request, error in try request.reply("too late: \(error is DeadlineExceeded)") }
    }
    let peer = try await server.connect()
    try await peer.send(1)
    await server.advance(by: .milliseconds(1_999))
    #expect(peer.received.isEmpty)
    await server.advance(by: .milliseconds(1))
    #expect(try await peer.next() == Message(1, "too late: true"))
    await server.stop()
  }

  @Test(arguments: transports)
  func `waits for what comes from elsewhere`(_ transport: TestServer.Transport) async throws {
    let server = try await TestServer(transport, register: Self.routes)
    let peer = try await server.connect()
    #expect(try await peer.request(13, "") == Message(13, "from elsewhere"))
    await server.stop()
  }

  @Test(arguments: transports)
  func `holds with workers what it holds without`(_ transport: TestServer.Transport) async throws {
    var configuration = TestServer.standardConfiguration
    configuration.workerPoolSize = 3
    let server = try await TestServer(transport, configuration: configuration, register: Self.routes)
    for _ in 1...5 {
      let peer = try await server.connect()
      for round in 1...20 {
        try await peer.send(10, "\(round)")
        #expect(peer.received.count == round)
      }
    }
    await server.stop()
  }

  @Test(arguments: transports)
  func `closes a peer that does not read when it has had its time`(_ transport: TestServer.Transport) async throws {
    var configuration = TestServer.standardConfiguration
    configuration.slowConsumerTimeout = .seconds(10)
    let server = try await TestServer(transport, configuration: configuration)
    let peer = try await server.connect()
    await peer.pause()
    let connection = try peer.connection
    // More than the kernel keeps for it.
    let piece = ByteBuffer(repeating: 7, count: 1 << 20)
    for _ in 0..<15 { try await connection.sendBuffMsg(1, piece) }
    await server.settle()
    await server.advance(by: .seconds(9))
    #expect(peer.end == nil)
    await server.advance(by: .seconds(1))
    // The kernel goes by its own clock: as long as it finds room for a little more on TCP, the peer has the whole time again.
    for _ in 0..<100 where peer.end == nil { await server.advance(by: .seconds(1)) }
    #expect(peer.end == .slowConsumer)
    await server.stop()
  }

  @Test func `knows its peers by addresses that a test makes up`() async throws {
    var configuration = TestServer.standardConfiguration
    configuration.maxConn = 3
    configuration.maxConnPerIP = 1
    let server = try await TestServer(configuration: configuration)
    let one = try await server.connect(from: "203.0.113.7")
    #expect("\(try one.connection.remoteAddress)".hasPrefix("203.0.113.7:"))
    #expect(try await server.connect(from: "203.0.113.7").refusal == .maxConnPerIP)
    let six = try await server.connect(from: "2001:db8::1")
    #expect(six.refusal == nil && "\(six.address)".hasPrefix("[2001:db8::1]:"))
    #expect(try await server.connect().refusal == nil)
    let last = try await server.connect(from: "203.0.113.9")
    #expect(throws: TestError.notConnected(.maxConn)) { try last.connection }
    await #expect(throws: TestError.noAddress("here")) { try await server.connect(from: "here") }
    await server.stop()
  }

  @Test(arguments: transports)
  func `has the listeners of its configuration`(_ transport: TestServer.Transport) async throws {
    var configuration = TestServer.standardConfiguration
    var other = Endpoint(name: "other", .unix(path: "/nowhere/socket"))
    other.dataPack = .tlvBigEndian
    configuration.endpoints = [Endpoint(name: "one", .tcp(host: "198.51.100.1", port: 1)), other]
    let server = try await TestServer(transport, configuration: configuration, register: Self.routes)
    for name in ["one", "other"] {
      let peer = try await server.connect(to: name)
      #expect(try await peer.request(10, "x") == Message(10, "X"))
      #expect(try peer.connection.listener == name)
    }
    await #expect(throws: TestError.noListener("third")) { try await server.connect(to: "third") }
    await server.stop()
  }

  @Test func `gives a plugin settings as a file would, and says what is wrong with them`() async throws {
    let echo = try Echo.configured(["MsgID": 7])
    let server = try await TestServer(plugins: [echo])
    #expect(try await server.connect().request(7, "x") == Message(7, "x"))
    await server.stop()
    #expect(throws: ConfigurationProblem.self) { try Echo.configured(["MsgID": "seven"]) }
    #expect(throws: ConfigurationProblem.self) { try Echo.configured(["Unknown": true]) }
  }
}
