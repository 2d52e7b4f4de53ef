import NIOCore
import Synchronization
import Testing
import ZinxIO
import ZinxPlugins
import ZinxTestKit

@testable import Zinx

@Suite("A broadcast", .timeLimit(.minutes(1)))
struct BroadcastTests {
  static func plugin() -> [any RoutePlugin] {
    PluginRegistry(bundledPlugins).make("broadcast", nil).map { [$0.plugin] } ?? []
  }

  private static func numbers(_ count: Int) -> [String] { (0..<count).map { "news \($0)" } }

  @Test("a broadcast reaches every connection, the sender included, in order", arguments: pools)
  func all(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), plugins: Self.plugin()) { server in
      let peers = try (0..<10).map { _ in try server.connect() }
      _ = try await server.connection(9)
      for number in 0..<20 { try await peers[0].send(RawFrame(4, "news \(number)")) }
      for peer in peers { #expect(try await peer.frames(20).map(\.text) == Self.numbers(20)) }
    }
  }

  @Test(
    "a peer that does not read delays nobody: it is left out, which is counted, and what it got before it gets", arguments: pools)
  func full(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxMsgChanLen = 4 }
    try await TestServer.run(configuration, plugins: Self.plugin()) { server in
      let slow = try server.connect(receiveBuffer: 64 << 10)
      let connection = try await server.connection(0)
      let peers = try (1...5).map { _ in try server.connect() }
      _ = try await server.connection(5)
      let sent = try SendingTests.fill(connection)
      for number in 0..<100 {
        try await peers[0].send(RawFrame(4, "news \(number)"))
        // Each at once: `SlowConsumerTimeout` is ten seconds, and the limit of the suite a minute.
        for peer in peers { #expect(try await peer.frame().text == "news \(number)") }
      }
      #expect(server.server.counters.messagesSkipped == 100)
      #expect(try await slow.frames(sent).allSatisfy { $0.id == 1 })
      try await until { connection.outbox.withLock { $0.isEmpty } }
      try await peers[0].send(RawFrame(4, "late"))
      #expect(try await slow.frame().text == "late")
    }
  }

  @Test("a peer that reads a little all the time keeps nobody waiting, and gets what it gets in order", arguments: pools)
  func slow(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxMsgChanLen = 4 }
    let text = String(repeating: "x", count: 4000)
    try await TestServer.run(configuration, plugins: Self.plugin()) { server in
      let slow = try server.connect(receiveBuffer: 8 << 10)
      let sender = try server.connect()
      let connection = try await server.connection(0)
      _ = try await server.connection(1)
      // Until it was left out a thousand times: the kernel takes much before.
      var (count, numbers) = (0, [Int?]())
      while server.server.counters.messagesSkipped < 1000 {
        try await sender.send(RawFrame(4, "\(count) " + text))
        #expect(try await sender.frame().text.hasPrefix("\(count) "))
        count += 1
        if count % 10 == 0 { numbers.append(try await Self.number(slow)) }
      }
      #expect(!connection.isClosed)
      let got = count - Int(server.server.counters.messagesSkipped)
      while numbers.count < got { numbers.append(try await Self.number(slow)) }
      #expect(numbers == Set(numbers.compactMap { $0 }).sorted())
    }
  }

  /// The number at the beginning of the next message.
  private static func number(_ peer: RawPeer) async throws -> Int? { Int(try await peer.frame().text.prefix { $0 != " " }) }

  @Test("more messages at once than a queue takes reach every peer that reads", arguments: pools)
  func burst(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxMsgChanLen = 4 }
    try await TestServer.run(configuration, plugins: Self.plugin()) { server in
      let peers = try (0..<6).map { _ in try server.connect() }
      _ = try await server.connection(5)
      try await peers[0].send((0..<2000).flatMap { RawFrame(4, "news \($0)").bytes() })
      for peer in peers { #expect(try await peer.frames(2000).map(\.text) == Self.numbers(2000)) }
      #expect(server.server.counters.messagesSkipped == 0)
    }
  }

  @Test("that closes peers with a full queue does, with reason slow-consumer, and reaches the others", arguments: pools)
  func close(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxMsgChanLen = 4 }
    let deliveries = Recorder<Delivery>()
    try await TestServer.run(configuration) { routes in
      routes.route(7) { request in
        let connection = request.connection
        deliveries.append(
          try await connection.connManager.broadcast(8, request.data, except: connection, whenFull: .close))
      }
    } use: { server in
      let slow = try server.connect(receiveBuffer: 64 << 10)
      let connection = try await server.connection(0)
      let peers = try (1...3).map { _ in try server.connect() }
      _ = try await server.connection(3)
      _ = try SendingTests.fill(connection)
      for _ in 0..<2 { try await peers[0].send(RawFrame(7, "news")) }
      for peer in peers[1...] { #expect(try await peer.frames(2) == [RawFrame(8, "news"), RawFrame(8, "news")]) }
      #expect(try await server.reason(0) == .slowConsumer)
      try await deliveries.wait(for: 2)
      #expect(deliveries.all == [Delivery(sent: 2, closed: 1), Delivery(sent: 2)])
      #expect(try await peers[0].isQuiet())
      _ = slow
    }
  }

  @Test("that waits does so for the peer with the full queue alone", arguments: pools)
  func wait(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxMsgChanLen = 4 }
    try await TestServer.run(configuration) { routes in
      routes.route(7) { try await $0.connection.connManager.broadcast(7, $0.data, whenFull: .wait) }
    } use: { server in
      let slow = try server.connect(receiveBuffer: 64 << 10)
      let connection = try await server.connection(0)
      let peers = try (1...3).map { _ in try server.connect() }
      _ = try await server.connection(3)
      let sent = try SendingTests.fill(connection)
      try await peers[0].send(RawFrame(7, "news"))
      for peer in peers { #expect(try await peer.frame() == RawFrame(7, "news")) }
      #expect(try await slow.frames(sent + 1).last == RawFrame(7, "news"))
    }
  }

  @Test("one sender's messages stay in order, whether they go to many or to one", arguments: pools)
  func order(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(7) { request in
        let all = request.connection.connManager.all
        for number in 0..<20 {
          let data = ByteBuffer(string: "news \(number)")
          guard number % 2 == 0 else {
            try await all.broadcast(7, data)
            continue
          }
          for connection in all { try await connection.sendBuffMsg(7, data) }
        }
      }
    } use: { server in
      // More than one piece, so that the sender suspends in between.
      let peers = try (0..<300).map { _ in try server.connect() }
      _ = try await server.connection(299)
      try await until { server.connManager.count == 300 }
      try await peers[0].send(RawFrame(7))
      for peer in peers { #expect(try await peer.frames(20).map(\.text) == Self.numbers(20)) }
    }
  }

  @Test("a loop that writes a message to hundreds does other things in between", arguments: pools)
  func pieces(workers: Int) async throws {
    let (gate, left) = (BlockingGate(), Recorder<Int>())
    let configuration = ServerConfiguration.test(workers: workers) { $0.ioThreads = 1 }
    try await TestServer.run(configuration) { routes in
      routes.route(7) { request in
        let connection = request.connection
        // The loop must not have written anything before all of it is queued.
        if workers > 0 { connection.loop.execute { gate.pass() } }
        try await connection.connManager.broadcast(8, ByteBuffer(repeating: 1, count: 32 << 10))
        Self.count(connection, left)
        gate.open()
      }
    } use: { server in
      let peers = try (0..<600).map { _ in try server.connect() }
      try await until { server.connManager.count == 600 }
      try await peers[0].send(RawFrame(7))
      for peer in peers { #expect(try await peer.frame().data.count == 32 << 10) }
      try await left.wait { $0.last == 0 }
      #expect(left.all.contains { (1..<500).contains($0) })
    }
  }

  /// Records how many queues hold something, again and again, until none does.
  private static func count(_ connection: Connection, _ left: Recorder<Int>) {
    connection.loop.execute {
      let count = connection.connManager.all.count { $0.outbox.withLock { !$0.isEmpty } }
      left.append(count)
      if count > 0 { Self.count(connection, left) }
    }
  }

  @Test("connections that come and go meanwhile do not disturb it", arguments: pools)
  func churn(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers), plugins: Self.plugin()) { server in
      let peer = try server.connect()
      _ = try await server.connection(0)
      for number in 0..<100 {
        let guests = [try server.connect(), try server.connect()]
        try await peer.send(RawFrame(4, "\(number)"))
        if number % 2 == 0 { guests[0].reset() } else { guests[1].close() }
        #expect(try await peer.frame().text == "\(number)")
      }
    }
  }
}
