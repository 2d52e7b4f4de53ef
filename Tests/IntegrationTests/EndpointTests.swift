import Glibc
import NIOCore
import Testing
import Zinx
import ZinxTestKit
import ZinxWire

/// Several endpoints in one server, each on a free port of 127.0.0.1.
@Suite("Listeners with names", .timeLimit(.minutes(1)))
struct EndpointTests {
  static func endpoint(_ name: String, _ change: (inout Endpoint) -> Void = { _ in }) -> Endpoint {
    var endpoint = Endpoint(name: name, .tcp(host: "127.0.0.1", port: 0))
    change(&endpoint)
    return endpoint
  }

  static func configuration(
    _ endpoints: [Endpoint], workers: Int = 0, _ change: (inout ServerConfiguration) -> Void = { _ in }
  ) -> ServerConfiguration {
    .test(workers: workers) {
      $0.endpoints = endpoints
      change(&$0)
    }
  }

  /// A peer that speaks what the listener speaks, connected to it.
  static func connect(_ server: TestServer, _ name: String) throws -> RawPeer {
    let listener = try #require(server.server.listeners.first { $0.name == name })
    let port = try #require(listener.addresses.first?.split(separator: ":").last.flatMap { UInt16($0) })
    return try RawPeer(port: port)
  }

  /// Whether a peer is in: it answers under id 7 in the listener's order, or it is closed.
  static func serves(_ peer: RawPeer, _ pack: DataPack = .ltvLittleEndian) async throws -> Bool {
    do { return try await peer.exchange(RawFrame(7, "?"), pack).text == "?" } catch RawPeer.Failure.ended, RawPeer.Failure.reset {
      return false
    }
  }

  @Test("speak each its own order of the header, and connections know by which they came", arguments: pools)
  func packs(workers: Int) async throws {
    let endpoints = DataPack.allCases.map { pack in Self.endpoint(pack.rawValue) { $0.dataPack = pack } }
    let configuration = Self.configuration(endpoints + [Self.endpoint("general")], workers: workers) {
      $0.dataPack = .tlvBigEndian
    }
    let register: (inout RouteRegistrar) -> Void = { routes in
      routes.route(7) { request in try request.reply(ByteBuffer(string: request.connection.listener)) }
    }
    try await TestServer.run(configuration, register: register) { server in
      let peers = try DataPack.allCases.map { ($0, try Self.connect(server, $0.rawValue)) }
      for (pack, peer) in peers { #expect(try await peer.exchange(RawFrame(7, ""), pack).text == pack.rawValue) }
      let peer = try Self.connect(server, "general")
      #expect(try await peer.exchange(RawFrame(7, ""), .tlvBigEndian).text == "general")
      #expect(server.server.listeners.map(\.name) == endpoints.map(\.name) + ["general"])
      #expect(server.server.listeners.map(\.live) == [1, 1, 1, 1])
    }
  }

  @Test("get a message to many each in their own order")
  func broadcast() async throws {
    let endpoints = DataPack.allCases.map { pack in Self.endpoint(pack.rawValue) { $0.dataPack = pack } }
    try await TestServer.run(Self.configuration(endpoints)) { server in
      let peers = try DataPack.allCases.map { ($0, try Self.connect(server, $0.rawValue)) }
      for id in 0..<3 { _ = try await server.connection(UInt64(id)) }
      let delivery = try await server.connManager.broadcast(9, ByteBuffer(string: "all"))
      #expect(delivery.sent == 3)
      for (pack, peer) in peers { #expect(try await peer.frames(1, pack) == [RawFrame(9, "all")]) }
    }
  }

  @Test("have limits of their own in place of the general ones")
  func rules() async throws {
    let here = try Network("127.0.0.0/8")
    let endpoints = [
      Self.endpoint("strict") {
        $0.maxPacketSize = 4
        $0.allow = [here]
      },
      Self.endpoint("silent") {
        $0.idleTimeout = .milliseconds(20)
        $0.allow = []
      }, Self.endpoint("shut") { ($0.allow, $0.deny) = ([], [here]) }, Self.endpoint("general"),
    ]
    let elsewhere = try Network("192.0.2.1")
    let configuration = Self.configuration(endpoints) { $0.allow = [elsewhere] }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      #expect(try await !Self.serves(Self.connect(server, "general")))
      #expect(try await !Self.serves(Self.connect(server, "shut")))
      #expect(server.refusals == [.notAllowed: 1, .denied: 1])
      let strict = try Self.connect(server, "strict")
      #expect(try await strict.exchange(RawFrame(7, "four")).text == "four")
      try await strict.send(RawFrame(7, "fives"))
      #expect(try await server.reason(0) == .oversize)
      let silent = try Self.connect(server, "silent")
      #expect(try await silent.exchange(RawFrame(7, "longer than four")).text == "longer than four")
      #expect(try await server.reason(1) == .idle)
    }
  }

  @Test("share MaxConn exactly, of which one has a part of its own")
  func maxConn() async throws {
    let endpoints = [Self.endpoint("part") { $0.maxConn = 2 }, Self.endpoint("whole")]
    try await TestServer.run(Self.configuration(endpoints) { $0.maxConn = 5 }, register: { $0.route(7, echo) }) { server in
      var served: [String: [RawPeer]] = [:]
      for name in ["part", "part", "part", "whole", "whole", "whole", "whole", "part"] {
        let peer = try Self.connect(server, name)
        if try await Self.serves(peer) { served[name, default: []].append(peer) }
      }
      #expect(served.mapValues(\.count) == ["part": 2, "whole": 3])
      #expect(server.refusals == [.listenerMaxConn: 2, .maxConn: 1])
      #expect(server.server.listeners.map(\.live) == [2, 3])
      // A place that is given back in one is free in the other too, but for the limit of that.
      served["whole"]?.removeLast().close()
      _ = try await server.reasons(1)
      #expect(try await !Self.serves(Self.connect(server, "part")))
      #expect(try await Self.serves(Self.connect(server, "whole")))
    }
  }

  @Test("whose own MaxConn is reached leave others waiting for them alone, if that is the policy")
  func waiting() async throws {
    let endpoints = [Self.endpoint("part") { $0.maxConn = 1 }, Self.endpoint("whole")]
    let configuration = Self.configuration(endpoints) { $0.overloadPolicy = .wait }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let first = try Self.connect(server, "part")
      #expect(try await Self.serves(first))
      let second = try Self.connect(server, "part")
      try await second.send(RawFrame(7, "second"))
      let other = try Self.connect(server, "whole")
      #expect(try await Self.serves(other))
      other.close()
      _ = try await server.reasons(1)
      try await server.loopsAnswer()
      #expect(server.server.listeners.map(\.live) == [1, 0])
      first.close()
      #expect(try await second.frames(1).map(\.text) == ["second"])
      #expect(server.refusals.isEmpty)
    }
  }

  @Test("count the connections of one source together")
  func perSource() async throws {
    let endpoints = [Self.endpoint("a"), Self.endpoint("b")]
    try await TestServer.run(Self.configuration(endpoints) { $0.maxConnPerIP = 1 }, register: { $0.route(7, echo) }) { server in
      let first = try Self.connect(server, "a")
      #expect(try await Self.serves(first))
      #expect(try await !Self.serves(Self.connect(server, "b")))
      #expect(server.refusals == [.maxConnPerIP: 1])
    }
  }

  @Test("cannot have one name, neither at the start nor later")
  func oneName() async throws {
    let twice = Self.configuration([Self.endpoint("a"), Self.endpoint("a")])
    let test = try TestServer(twice)
    await #expect(throws: ZinxError.duplicateListener(name: "a")) { try await test.start() }
    try await TestServer.run(Self.configuration([Self.endpoint("a")])) { server in
      await #expect(throws: ZinxError.duplicateListener(name: "a")) { try await server.server.reload(twice) }
      #expect(server.server.listeners.map(\.name) == ["a"])
    }
  }

  @Test("are all open, or none is", arguments: [0, 1])
  func taken(place: Int) async throws {
    let taken = try FakeServer()
    var endpoints = [Self.endpoint("a"), Self.endpoint("b")]
    endpoints[place].address = .tcp(host: "127.0.0.1", port: taken.port)
    let test = try TestServer(Self.configuration(endpoints))
    await #expect(throws: ZinxError.cannotListen(address: "127.0.0.1:\(taken.port)", call: "bind", code: EADDRINUSE)) {
      try await test.start()
    }
    #expect(test.server.addresses.isEmpty)
  }
}
