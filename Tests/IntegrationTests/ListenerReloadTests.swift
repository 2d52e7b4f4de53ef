import Glibc
import Synchronization
import Testing
import Zinx
import ZinxTestKit
import ZinxWire

@Suite("A reload of listeners", .timeLimit(.minutes(1)))
struct ListenerReloadTests {
  private static func run(
    _ endpoints: [Endpoint], _ change: (inout ServerConfiguration) -> Void = { _ in }, host: FakeHost? = nil,
    use body: (TestServer, ServerConfiguration) async throws -> Void
  ) async throws {
    let configuration = EndpointTests.configuration(endpoints, change)
    try await TestServer.run(configuration, host: host, register: { $0.route(7, echo) }) { try await body($0, configuration) }
  }

  private static func port(_ server: TestServer, _ name: String) throws -> UInt16 {
    let text = try #require(server.server.listeners.first { $0.name == name }?.addresses.first)
    return try #require(text.split(separator: ":").last.flatMap { UInt16($0) })
  }

  private static func isRefused(_ port: UInt16) -> Bool {
    do { _ = try RawPeer(port: port) } catch RawPeer.Failure.system(call: "connect", code: ECONNREFUSED) { return true } catch {}
    return false
  }

  @Test("opens those that are new and closes those that are gone, whose connections stay")
  func comeAndGo() async throws {
    try await Self.run([EndpointTests.endpoint("a"), EndpointTests.endpoint("b")]) { server, configuration in
      let (a, b) = (try Self.port(server, "a"), try Self.port(server, "b"))
      let stays = try EndpointTests.connect(server, "b")
      #expect(try await EndpointTests.serves(stays))
      var new = configuration
      new.endpoints = [EndpointTests.endpoint("c") { $0.dataPack = .tlvBigEndian }, EndpointTests.endpoint("a")]
      try await server.server.reload(new)
      #expect(server.server.listeners.map(\.name) == ["c", "a"])
      #expect(try Self.port(server, "a") == a)
      #expect(Self.isRefused(b))
      #expect(try await EndpointTests.serves(stays))
      #expect(try await EndpointTests.serves(EndpointTests.connect(server, "c"), .tlvBigEndian))
      #expect(try await EndpointTests.serves(EndpointTests.connect(server, "a")))
      // Another one under a name that was there before has new connections, with ids of their own.
      new.endpoints.append(EndpointTests.endpoint("b"))
      try await server.server.reload(new)
      #expect(try await EndpointTests.serves(EndpointTests.connect(server, "b")))
      #expect(server.added.map(\.id) == [0, 1, 2, 3])
    }
  }

  @Test("that cannot open one of them changes nothing, neither listener nor limit")
  func allOrNothing() async throws {
    let taken = try FakeServer()
    try await Self.run([EndpointTests.endpoint("a")]) { server, configuration in
      let a = try Self.port(server, "a")
      var new = configuration
      new.maxConn = 1
      new.endpoints = [EndpointTests.endpoint("b"), Endpoint(name: "c", .tcp(host: "127.0.0.1", port: taken.port))]
      await #expect(throws: ZinxError.cannotListen(address: "127.0.0.1:\(taken.port)", call: "bind", code: EADDRINUSE)) {
        try await server.server.reload(new)
      }
      #expect(server.server.listeners.map(\.name) == ["a"])
      let peers = try (0..<2).map { _ in try RawPeer(port: a) }
      for peer in peers { #expect(try await EndpointTests.serves(peer)) }
    }
  }

  @Test("moves a listener to an address that overlaps with the one it has, and back")
  func overlap() async throws {
    try await Self.run([EndpointTests.endpoint("a")]) { server, configuration in
      let port = try Self.port(server, "a")
      let early = try RawPeer(port: port)
      #expect(try await EndpointTests.serves(early))
      for host in ["0.0.0.0", "127.0.0.1", "0.0.0.0"] {
        var new = configuration
        new.endpoints = [Endpoint(name: "a", .tcp(host: host, port: port))]
        try await server.server.reload(new)
        #expect(server.server.listeners.map(\.addresses) == [["\(host):\(port)"]])
        #expect(try await EndpointTests.serves(RawPeer(port: port)))
        // The switch is over: nobody else gets the port, also not one who would share it.
        #expect(try !Self.canShare(port))
      }
      #expect(try await EndpointTests.serves(early))
    }
  }

  /// Whether another socket that asks for it may listen beside.
  private static func canShare(_ port: UInt16) throws -> Bool {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(socket) }
    var (on, address) = (Int32(1), sockaddr_in())
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let status = withUnsafeBytes(of: address) {
      bind(socket, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t($0.count))
    }
    return status == 0 && listen(socket, 1) == 0
  }

  @Test("gives new connections another order of the header, and those that are open keep theirs")
  func pack() async throws {
    try await Self.run([EndpointTests.endpoint("a") { $0.maxConn = 2 }]) { server, configuration in
      let port = try Self.port(server, "a")
      let old = try RawPeer(port: port)
      #expect(try await EndpointTests.serves(old))
      var new = configuration
      new.endpoints[0].dataPack = .tlvBigEndian
      try await server.server.reload(new)
      #expect(try Self.port(server, "a") == port)
      let young = try RawPeer(port: port)
      #expect(try await EndpointTests.serves(young, .tlvBigEndian))
      #expect(try await EndpointTests.serves(old))
      // They count against one limit.
      #expect(try await !EndpointTests.serves(RawPeer(port: port), .tlvBigEndian))
      #expect(server.refusals == [.listenerMaxConn: 1])
      old.close()
      _ = try await server.reasons(1)
      #expect(try await EndpointTests.serves(RawPeer(port: port), .tlvBigEndian))
    }
  }

  @Test("holds for the connections of listeners that are gone too, but for the rules that those had of their own")
  func rules() async throws {
    let endpoints = [
      EndpointTests.endpoint("general"), EndpointTests.endpoint("own") { $0.maxPacketSize = 100 },
      EndpointTests.endpoint("stays"),
    ]
    try await Self.run(endpoints) { server, configuration in
      let (general, own) = (try EndpointTests.connect(server, "general"), try EndpointTests.connect(server, "own"))
      for peer in [general, own] { #expect(try await EndpointTests.serves(peer)) }
      var new = configuration
      new.endpoints.removeFirst(2)
      try await server.server.reload(new)
      new.maxPacketSize = 5
      try await server.server.reload(new)
      #expect(try await own.exchange(RawFrame(7, "ten bytes!")).text == "ten bytes!")
      try await general.send(RawFrame(7, "ten bytes!"))
      #expect(try await server.reason(0) == .oversize)
    }
  }

  @Test("changes the rules of a listener for those who are in and those who come")
  func ownRules() async throws {
    let network = try Network("127.0.0.0/8")
    try await Self.run([EndpointTests.endpoint("a") { $0.maxConn = 1 }]) { server, configuration in
      let first = try EndpointTests.connect(server, "a")
      #expect(try await EndpointTests.serves(first))
      #expect(try await !EndpointTests.serves(EndpointTests.connect(server, "a")))
      var new = configuration
      (new.endpoints[0].maxConn, new.endpoints[0].maxPacketSize) = (2, 3)
      try await server.server.reload(new)
      #expect(try await EndpointTests.serves(EndpointTests.connect(server, "a")))
      try await first.send(RawFrame(7, "four"))
      #expect(try await server.reason(0) == .oversize)
      new.endpoints[0].deny = [network]
      try await server.server.reload(new)
      #expect(try await !EndpointTests.serves(EndpointTests.connect(server, "a")))
      #expect(server.refusals == [.listenerMaxConn: 1, .denied: 1])
    }
  }

  @Test("gives a listener another name and keeps its socket, and what waits in it")
  func renamed() async throws {
    let port = try FakeServer().port
    try await Self.run([Endpoint(name: "a", .tcp(host: "127.0.0.1", port: port))]) { server, configuration in
      var new = configuration
      new.endpoints[0].name = "b"
      try await server.server.reload(new)
      #expect(server.server.listeners.map(\.name) == ["b"])
      let peer = try RawPeer(port: port)
      #expect(try await EndpointTests.serves(peer))
      #expect(try await server.connection().listener == "b")
    }
  }

  @Test("leaves passed sockets where they are")
  func passed() async throws {
    let test = try TestServer(EndpointTests.configuration([EndpointTests.endpoint("a")]), register: { $0.route(7, echo) })
    try await test.start(listeningOn: [try ServerLifeTests.listeningSocket()])
    let port = test.port
    var new = EndpointTests.configuration([Endpoint(name: "a", .tcp(host: "192.0.2.1", port: 1)), EndpointTests.endpoint("b")])
    try await test.server.reload(new)
    #expect(test.server.addresses.first?.port == port)
    #expect(try await EndpointTests.serves(RawPeer(port: port)))
    #expect(try await EndpointTests.serves(EndpointTests.connect(test, "b")))
    new.endpoints.removeFirst()
    try await test.server.reload(new)
    #expect(Self.isRefused(port))
    await test.server.drain(timeout: .seconds(5))
  }

  @Test("waits for the one before it, and the last one holds")
  func several() async throws {
    try await Self.run([EndpointTests.endpoint("a")]) { server, configuration in
      let names = (0..<8).map { "n\($0)" }
      for name in names {
        var new = configuration
        new.endpoints = [EndpointTests.endpoint("a"), EndpointTests.endpoint(name)]
        try await server.server.reload(new)
        #expect(server.server.listeners.map(\.name) == ["a", name])
      }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for name in names {
          var new = configuration
          new.endpoints = [EndpointTests.endpoint("a"), EndpointTests.endpoint(name)]
          group.addTask { [new] in try await server.server.reload(new) }
        }
        try await group.waitForAll()
      }
      #expect(server.server.listeners.count == 2)
      #expect(try await EndpointTests.serves(EndpointTests.connect(server, "a")))
    }
  }

  @Test("under load, of ten listeners in any order and number, is all or nothing, and no connection notices")
  func underLoad() async throws {
    let taken = try FakeServer()
    let impossible = Endpoint(name: "impossible", .tcp(host: "127.0.0.1", port: taken.port))
    let names = (0..<10).map { "n\($0)" }
    try await Self.run(names.map { EndpointTests.endpoint($0) }) { server, configuration in
      let isOver = Recorder<Void>()
      // One of each listener, which is asked all the time, whatever becomes of the listener.
      let peers = try names.map { try EndpointTests.connect(server, $0) }
      try await withThrowingTaskGroup(of: Int.self) { group in
        for peer in peers {
          group.addTask {
            var answers = 0
            while isOver.count == 0 {
              guard try await peer.exchange(RawFrame(7, "\(answers)")).text == "\(answers)" else { return 0 }
              answers += 1
            }
            return answers
          }
        }
        var random = SplitMix64(seed: 10)
        var standing = names
        for round in 0..<60 {
          var new = configuration
          let chosen = names.filter { _ in Bool.random(using: &random) }.shuffled(using: &random)
          new.endpoints = chosen.map { name in
            EndpointTests.endpoint(name) { $0.maxConn = Int.random(in: 1...100, using: &random) }
          }
          if round % 3 == 2 {
            new.endpoints.insert(impossible, at: Int.random(in: 0...chosen.count, using: &random))
            await #expect(throws: ZinxError.self) { try await server.server.reload(new) }
          } else {
            try await server.server.reload(new)
            standing = chosen
          }
          #expect(server.server.listeners.map(\.name) == standing)
        }
        isOver.append(())
        for try await answers in group { #expect(answers > 0) }
      }
      #expect(server.server.connManager.count == peers.count)
    }
  }

  @Test("that a drain comes in the way of opens nothing that stays")
  func drain() async throws {
    let test = try TestServer(EndpointTests.configuration([EndpointTests.endpoint("a")]))
    try await test.start()
    var new = EndpointTests.configuration([EndpointTests.endpoint("a"), EndpointTests.endpoint("b")])
    async let drained = test.server.drain(timeout: .seconds(20))
    try? await test.server.reload(new)
    #expect(await drained == 0)
    #expect(test.server.listeners.isEmpty)
    new.endpoints.removeFirst()
    try await test.server.reload(new)
    #expect(test.server.listeners.isEmpty)
  }
}
