import Glibc
import NIOCore
import Synchronization
import Testing
import Zinx
import ZinxClient
import ZinxTLS
import ZinxTestKit
import ZinxWire

/// The ways into a server, and what a client has to say to come in by them.
enum ClientDoor: String, CaseIterable, CustomTestStringConvertible, Sendable {
  case plain, tls12, tls13, mutual, web, secureWeb, path, abstract

  var testDescription: String { rawValue }

  private static let folder: String = {
    var template = Array("/tmp/zinx-door-XXXXXX".utf8CString)
    return mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
  }()
  private static let number = Atomic<Int>(0)

  /// What the server listens on.
  func endpoint() -> Endpoint {
    let number = Self.number.wrappingAdd(1, ordering: .relaxed).newValue
    let address: ListenAddress =
      switch self {
      case .path: .unix(path: "\(Self.folder)/\(number)")
      case .abstract: .abstract(name: "zinx-door-\(getpid())-\(number)")
      default: .tcp(host: "127.0.0.1", port: 0)
      }
    var endpoint = Endpoint(name: "door", address)
    if [.tls12, .tls13, .mutual, .secureWeb].contains(self) {
      var tls = TLSConfiguration(certFile: Certificates.path("server.pem"), privateKeyFile: Certificates.path("server.key"))
      if self == .mutual { (tls.clientAuth, tls.clientCAFile) = (.require, Certificates.path("ca.pem")) }
      endpoint.tls = tls
    }
    if self == .web || self == .secureWeb { (endpoint.transport, endpoint.path) = (.webSocket, "/ws") }
    return endpoint
  }

  func address(_ endpoint: Endpoint, port: UInt16) throws -> ServerAddress {
    switch self {
    case .plain: try ServerAddress("127.0.0.1:\(port)")
    case .tls12, .tls13, .mutual: try ServerAddress("tls://127.0.0.1:\(port)")
    case .web: try ServerAddress("ws://127.0.0.1:\(port)/ws")
    case .secureWeb: try ServerAddress("wss://127.0.0.1:\(port)/ws?room=1")
    case .path, .abstract: try ServerAddress(endpoint.address.description)
    }
  }

  var configuration: ClientConfiguration {
    var configuration = ClientConfiguration()
    configuration.tls = .tests(certificate: self == .mutual ? "client" : nil)
    if self == .tls12 { configuration.tls.maxVersion = .v12 }
    return configuration
  }
}

@Suite("A client", .timeLimit(.minutes(1)))
struct ClientDoorTests {
  /// A server behind a door, its address, and what a client of it needs.
  private func run(
    _ door: ClientDoor, workers: Int = 0, rest: (inout ServerConfiguration) -> Void = { _ in },
    register: (inout RouteRegistrar) -> Void = { $0.route(7, echo) },
    use body: (TestServer, ServerAddress, ClientConfiguration) async throws -> Void
  ) async throws {
    let endpoint = door.endpoint()
    let configuration = ServerConfiguration.test(workers: workers) {
      $0.endpoints = [endpoint]
      $0.maxPacketSize = 4 << 20
      rest(&$0)
    }
    try await TestServer.run(configuration, register: register) { server in
      try await body(server, try door.address(endpoint, port: server.port), door.configuration)
    }
  }

  @Test(arguments: ClientDoor.allCases, pools)
  func `exchanges messages through every door, also many and large ones, and closes in good order`(
    door: ClientDoor, workers: Int
  ) async throws {
    try await run(door, workers: workers) { (server, address, configuration) async throws in
      let client = try await Client.connect(to: address, configuration: configuration)
      for count in [0, 1, 100_000, 4 << 20] {
        let data = ByteBuffer(bytes: (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 8) })
        #expect(try await client.request(7, data, timeout: .seconds(20)).data == data)
      }
      try await withThrowingTaskGroup(of: Int.self) { group in
        for count in 0..<200 {
          group.addTask { try await client.request(7, ByteBuffer(repeating: 1, count: 1000 + count)).data.readableBytes }
        }
        let sum = try await group.reduce(0, +)
        #expect(sum == 200 * 1000 + 199 * 100)
      }
      await client.close()
      #expect(client.state == .closed(.closed))
      #expect(try await server.reason() == .peerClosed)
    }
  }

  @Test(arguments: ClientDoor.allCases)
  func `gets what the server says at once, and the end of the stream`(door: ClientDoor) async throws {
    let greets: (inout RouteRegistrar) -> Void = {
      $0.onConnStart { connection in
        try await connection.sendBuffMsg(2, ByteBuffer(string: "hello"))
        connection.stop()
      }
    }
    try await run(door, register: greets) { (_, address, configuration) async throws in
      let client = try await Client.connect(to: address, configuration: configuration)
      var texts: [String] = []
      for try await message in client.messages { texts.append(message.data.text) }
      #expect(texts == ["hello"])
      #expect(client.state == .closed(.closedByPeer))
    }
  }

  @Test(arguments: ClientDoor.allCases)
  func `gets the answer to what was on its way when it closed`(door: ClientDoor) async throws {
    try await run(door) { (server, address, configuration) async throws in
      let client = try await Client.connect(to: address, configuration: configuration)
      try await client.send(7, ByteBuffer(repeating: 9, count: 1 << 20))
      async let closing: Void = client.close()
      var bytes = 0
      for try await message in client.messages { bytes += message.data.readableBytes }
      await closing
      #expect(bytes == 1 << 20)
      // A client that has everything is gone at once: the farewell of a session may come too late for it.
      let reason = try await server.reason()
      #expect([.peerClosed, .reset].contains(reason))
    }
  }

  @Test(arguments: [ClientDoor.tls13, .web, .secureWeb, .path])
  func `that reconnects does so through every door`(door: ClientDoor) async throws {
    let answersOnce: (inout RouteRegistrar) -> Void = {
      $0.route(7) { request in
        try request.echo()
        request.connection.stop()
      }
    }
    try await run(door, register: answersOnce) { (_, address, configuration) async throws in
      let client = ReconnectingClient(to: address, configuration: configuration, reconnect: Reconnect(base: .milliseconds(1)))
      var replies = 0
      await client.run { event in
        switch event {
        case .connected: try? await client.send(7, ByteBuffer(string: "again"))
        case .message:
          replies += 1
          if replies == 3 { await client.close() }
        case .disconnected: break
        }
      }
      #expect(replies == 3)
    }
  }

  // MARK: The ends of a WebSocket

  @Test(arguments: [ClientDoor.web, .secureWeb])
  func `is told that the server drains`(door: ClientDoor) async throws {
    try await run(door) { (server, address, configuration) async throws in
      let client = try await Client.connect(to: address, configuration: configuration)
      _ = try await client.request(7, ByteBuffer())
      await server.server.drain(timeout: .seconds(5))
      for try await _ in client.messages {}
      #expect(client.state == .closed(.draining))
    }
  }

  @Test(arguments: [ClientDoor.web, .secureWeb])
  func `is told that its message is too large`(door: ClientDoor) async throws {
    try await run(door, rest: { $0.maxPacketSize = 1000 }) { (server, address, configuration) async throws in
      let client = try await Client.connect(to: address, configuration: configuration)
      await #expect(throws: ClientError.closed(.webSocketClosed(code: 1009))) {
        try await client.request(7, ByteBuffer(repeating: 0, count: 1001))
      }
      #expect(try await server.reason() == .oversize)
    }
  }

  // MARK: Why it does not come in

  private func fault(_ address: ServerAddress, _ configuration: ClientConfiguration) async throws -> HandshakeFault? {
    do {
      await (try Client.connect(to: address, configuration: configuration)).close()
      return nil
    } catch ClientError.handshakeFailed(_, let fault) { return fault }
  }

  private func fault(at address: String, _ configuration: ClientConfiguration) async throws -> HandshakeFault? {
    try await fault(try ServerAddress(address), configuration)
  }

  @Test(arguments: [ClientDoor.tls12, .tls13, .secureWeb])
  func `says what is wrong with a certificate, and takes any if it is told to`(door: ClientDoor) async throws {
    try await run(door) { (_, address, configuration) async throws in
      var configuration = configuration
      configuration.tls.caFile = Certificates.path("stranger-ca.pem")
      #expect(
        try await fault(address, configuration)
          == .rejected(.unknownIssuer(subject: "CN=localhost", issuer: "O=Example,CN=Authority of the tests")))
      // The system does not know it either.
      configuration.tls.caFile = nil
      #expect(
        try await fault(address, configuration)
          == .rejected(.unknownIssuer(subject: "CN=localhost", issuer: "O=Example,CN=Authority of the tests")))
      configuration.tls.verifiesServer = false
      #expect(try await fault(address, configuration) == nil)
      configuration = door.configuration
      configuration.tls.serverName = "other.test"
      let names = ["localhost", "zinx.test", "127.0.0.1", "0:0:0:0:0:0:0:1"]
      #expect(try await fault(address, configuration) == .rejected(.wrongName(wanted: "other.test", names: names)))
      configuration.tls.serverName = "zinx.test"
      #expect(try await fault(address, configuration) == nil)
      configuration.tls.caFile = "/nowhere/ca.pem"
      #expect(try await fault(address, configuration) == .file("CAFile: /nowhere/ca.pem: No such file or directory"))
      configuration.tls.serverName = ""
      #expect(try await fault(address, configuration) == .file("serverName: it is empty"))
    }
  }

  @Test func `says when a certificate has expired, and when it will be good`() async throws {
    func fault(_ name: String) async throws -> HandshakeFault? {
      var fault: HandshakeFault?
      let configuration = ServerConfiguration.tls {
        ($0.certFile, $0.privateKeyFile) = (Certificates.path("\(name).pem"), Certificates.path("\(name).key"))
      }
      try await TestServer.run(configuration) { server in
        fault = try await self.fault(try ServerAddress("tls://127.0.0.1:\(server.port)"), ClientDoor.tls13.configuration)
      }
      return fault
    }
    let expired = try #require(try await fault("expired"))
    #expect(expired == .rejected(.expired(subject: "CN=localhost", 1_609_459_200)))
    #expect(expired.description == "the server's certificate (CN=localhost) has expired, on 2021-01-01 00:00:00 UTC")
    #expect(try await fault("future") == .rejected(.notYetValid(subject: "CN=localhost", 4_102_444_800)))
    #expect(
      try await fault("stranger")
        == .rejected(.unknownIssuer(subject: "CN=localhost", issuer: "O=Elsewhere,CN=Another authority")))
  }

  @Test func `without a certificate says that the server wants one`() async throws {
    try await run(.mutual) { (server, address, _) async throws in
      var configuration = ClientDoor.tls12.configuration
      #expect(try await fault(address, configuration) == .certificateWanted)
      // In TLS 1.3 the client is done before the server has seen what it has.
      configuration = ClientDoor.tls13.configuration
      let client = try await Client.connect(to: address, configuration: configuration)
      await #expect(throws: ClientError.closed(.tlsFailed(.certificateWanted))) { try await client.request(7, ByteBuffer()) }
      configuration.tls = .tests(certificate: "stranger")
      let stranger = try await Client.connect(to: address, configuration: configuration)
      await #expect(throws: ClientError.closed(.tlsFailed(.certificateRefused("its authority is unknown there")))) {
        try await stranger.request(7, ByteBuffer())
      }
      #expect(server.added.isEmpty)
    }
  }

  @Test func `says that another protocol is spoken there`() async throws {
    let tls = ClientDoor.tls13.configuration
    try await run(.plain) { (server, _, _) async throws in
      #expect(try await fault(at: "tls://127.0.0.1:\(server.port)", tls) == .closed(during: .tls))
      #expect(try await fault(at: "ws://127.0.0.1:\(server.port)", tls) == .closed(during: .webSocket))
    }
    try await run(.web) { (server, _, _) async throws in
      #expect(try await fault(at: "tls://127.0.0.1:\(server.port)", tls) == .noTLS)
      #expect(
        try await fault(at: "ws://127.0.0.1:\(server.port)/other?a=b", tls)
          == .webSocket(.notFound(path: "/other?a=b")))
    }
    try await run(.tls13) { (server, _, _) async throws in
      let fault = try await self.fault(at: "ws://127.0.0.1:\(server.port)/", tls)
      #expect(fault == .closed(during: .webSocket) || fault == .webSocket(.notHTTP))
    }
  }

  @Test func `says that nobody listens on a UNIX socket`() async throws {
    let error = ClientError.connectionFailed(endpoint: "unix:/nowhere/clients.sock", reason: "No such file or directory")
    await #expect(throws: error) { try await Client.connect(to: ServerAddress("unix:/nowhere/clients.sock")) }
    let other = ClientError.connectionFailed(endpoint: "unix:@zinx-nobody-\(getpid())", reason: "Connection refused")
    await #expect(throws: other) { try await Client.connect(to: ServerAddress("unix:@zinx-nobody-\(getpid())")) }
  }
}
