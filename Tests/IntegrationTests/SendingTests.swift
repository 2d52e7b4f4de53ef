import NIOCore
import Testing
import Zinx
import ZinxIO
import ZinxTestKit
import ZinxWire

/// Sends through an actor: every message costs a hop.
private actor Relay {
  func send(_ text: String, to connection: Connection) async throws {
    try await connection.sendBuffMsg(7, ByteBuffer(string: text))
  }
}

@Suite("Sending", .timeLimit(.minutes(1)))
struct SendingTests {
  /// What a handler does with the text of a request that asks for `count` answers.
  private typealias Sender = @Sendable (Connection, Int) async throws -> Void

  private static func numbers(_ count: Int) -> [String] { (0..<count).map { "\($0)" } }

  /// A server whose route 7 lets `sender` send 300 numbers; they arrive in order.
  private func expectOrder(_ workers: Int, _ sender: @escaping Sender) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxMsgChanLen = 16 }
    try await TestServer.run(configuration, register: { $0.route(7) { try await sender($0.connection, 300) } }) { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(7))
      #expect(try await peer.frames(300).map(\.text) == Self.numbers(300))
    }
  }

  @Test("a handler's messages leave in order, however it sends them", arguments: pools)
  func handler(workers: Int) async throws {
    try await expectOrder(workers) { connection, count in
      for number in 0..<count {
        let data = ByteBuffer(string: "\(number)")
        switch number % 5 {
        case 0: try await connection.sendMsg(7, data)
        case 1: await Task.yield(); fallthrough
        case 2: try await connection.sendBuffMsg(7, data)
        case 3: connection.flush(); fallthrough
        default:
          do { try connection.trySendBuffMsg(7, data) } catch ZinxError.sendBufferFull {
            try await connection.sendBuffMsg(7, data)
          }
        }
      }
    }
  }

  @Test("the messages of a detached task leave in order", arguments: pools)
  func detached(workers: Int) async throws {
    try await expectOrder(workers) { connection, count in
      Task.detached {
        for number in 0..<count {
          let data = ByteBuffer(string: "\(number)")
          if number % 7 == 0 { try await connection.sendMsg(7, data) } else { try await connection.sendBuffMsg(7, data) }
        }
      }
    }
  }

  @Test("one sender's messages leave in order though it goes through an actor between them", arguments: pools)
  func hops(workers: Int) async throws {
    let relay = Relay()
    try await expectOrder(workers) { connection, count in
      for number in 0..<count {
        if number % 2 == 0 {
          try await relay.send("\(number)", to: connection)
        } else {
          try await connection.sendBuffMsg(7, ByteBuffer(string: "\(number)"))
        }
      }
    }
  }

  @Test("one sender's messages leave in order though every other is sent by a task that it waits for", arguments: pools)
  func children(workers: Int) async throws {
    try await expectOrder(workers) { connection, count in
      for number in 0..<count {
        let data = ByteBuffer(string: "\(number)")
        if number % 2 == 0 {
          try await Task.detached { try await connection.sendBuffMsg(7, data) }.value
        } else {
          try await connection.sendBuffMsg(7, data)
        }
      }
    }
  }

  @Test("what another thread sends, while a handler blocks until it has, stays between what the handler sends", arguments: pools)
  func blocking(workers: Int) async throws {
    try await expectOrder(workers) { connection, count in
      for number in 0..<count {
        let data = ByteBuffer(string: "\(number)")
        if number % 3 == 1 {
          try Thread { try? connection.trySendBuffMsg(7, data) }.join()
        } else {
          if number % 3 == 0 { connection.flush() }
          try connection.trySendBuffMsg(7, data)
        }
      }
    }
  }

  @Test("the handler of one connection sends to another in order", arguments: pools)
  func other(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { routes in
      routes.route(7) { request in
        let target = try request.connection.connManager.get(0)
        try await target.sendBuffMsg(7, request.data)
      }
    } use: { server in
      let target = try server.connect()
      _ = try await server.connection(0)
      let sources = try (1...3).map { _ in try server.connect() }
      let (_, _, _) = (try await server.connection(1), try await server.connection(2), try await server.connection(3))
      for number in 0..<100 {
        for (index, source) in sources.enumerated() { try await source.send(RawFrame(7, "\(index) \(number)")) }
      }
      let texts = try await target.frames(300).map(\.text)
      for index in 0..<3 {
        #expect(texts.filter { $0.hasPrefix("\(index) ") } == (0..<100).map { "\(index) \($0)" })
      }
    }
  }

  @Test("several senders to one connection mix their messages but none loses its order", arguments: pools)
  func mixed(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) { $0.maxMsgChanLen = 4 }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let connection = try await server.connection()
      for sender in 0..<4 {
        Task.detached {
          for number in 0..<200 { try await connection.sendBuffMsg(8, ByteBuffer(string: "\(sender) \(number)")) }
        }
      }
      for number in 0..<200 { try await peer.send(RawFrame(7, "4 \(number)")) }
      let texts = try await peer.frames(1000).map(\.text)
      for sender in 0..<5 {
        #expect(texts.filter { $0.hasPrefix("\(sender) ") } == (0..<200).map { "\(sender) \($0)" })
      }
    }
  }

  @Test("everything that sends to a closed connection is told so", arguments: pools)
  func closed(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { server in
      let peer = try server.connect()
      let connection = try await server.connection()
      peer.close()
      #expect(try await server.reason() == .peerClosed)
      #expect(connection.isClosed)
      await #expect(throws: ZinxError.connectionClosed) { try await connection.sendMsg(1, ByteBuffer()) }
      await #expect(throws: ZinxError.connectionClosed) { try await connection.sendBuffMsg(1, ByteBuffer()) }
      #expect(throws: ZinxError.connectionClosed) { try connection.trySendBuffMsg(1, ByteBuffer()) }
    }
  }

  // MARK: A peer that does not read

  static let block = ByteBuffer(repeating: 1, count: 64 << 10)

  private static func configuration(_ workers: Int, messages: Int = 4) -> ServerConfiguration {
    .test(workers: workers) { $0.maxMsgChanLen = messages }
  }

  /// Fills the kernel's buffers and the queue of a peer that does not read.
  static func fill(_ connection: Connection) throws -> Int {
    var sent = 0
    while true {
      // The event loop may just not have written yet.
      if try !accepts(connection) { connection.flush() } else { sent += 1; continue }
      if try !accepts(connection) { return sent }
      sent += 1
    }
  }

  private static func accepts(_ connection: Connection) throws -> Bool {
    do { try connection.trySendBuffMsg(1, block) } catch {
      guard error == .sendBufferFull else { throw error }
      return false
    }
    return true
  }

  @Test("a full queue refuses the send that does not wait; the one that waits goes on when the peer reads", arguments: pools)
  func full(workers: Int) async throws {
    try await TestServer.run(Self.configuration(workers)) { server in
      let peer = try server.connect(receiveBuffer: 64 << 10)
      let connection = try await server.connection()
      let sent = try Self.fill(connection)
      #expect(throws: ZinxError.sendBufferFull) { try connection.trySendBuffMsg(2, ByteBuffer()) }
      let over = Recorder<Bool>()
      async let waiting: Void = {
        try await connection.sendBuffMsg(3, ByteBuffer(string: "waited"))
        over.append(true)
      }()
      #expect(over.count == 0)
      let frames = try await peer.frames(sent + 1)
      try await waiting
      #expect(frames.dropLast().allSatisfy { $0.id == 1 && $0.data.count == Self.block.readableBytes })
      #expect(frames.last == RawFrame(3, "waited"))
    }
  }

  @Test("sendMsg succeeds whenever the kernel has its bytes, though the connection ends right then", arguments: pools)
  func sentAtTheEnd(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { server in
      for id: UInt64 in 0..<2000 {
        let peer = try server.connect()
        let connection = try await server.connection(id)
        let sending = Task.detached { try await connection.sendMsg(1, ByteBuffer(string: "last")) }
        if id % 2 == 0 {
          // The peer leaves as soon as it has the message.
          #expect(try await peer.frame().text == "last")
          peer.close()
          try await sending.value
        } else {
          connection.stop()
          let received = try await peer.receiveAll()
          peer.close()
          // What did not fail has arrived.
          do { try await sending.value } catch { #expect(error as? ZinxError == .connectionClosed && received == []) }
          if await sending.result.isSuccess { #expect(received.count == 12) }
        }
      }
    }
  }

  @Test("a cancelled task's sendMsg succeeds when the kernel takes the message at once", arguments: pools)
  func sentByCancelled(workers: Int) async throws {
    try await TestServer.run(.test(workers: workers)) { server in
      let peer = try server.connect()
      let connection = try await server.connection()
      let sending = Task.detached {
        while !Task.isCancelled { await Task.yield() }
        try await connection.sendMsg(1, ByteBuffer(string: "still"))
      }
      sending.cancel()
      try await sending.value
      #expect(try await peer.frame().text == "still")
    }
  }

  @Test("sendMsg returns once the kernel has its bytes, not before", arguments: pools)
  func written(workers: Int) async throws {
    try await TestServer.run(Self.configuration(workers, messages: 1000)) { server in
      let peer = try server.connect(receiveBuffer: 64 << 10)
      let connection = try await server.connection()
      try await connection.sendMsg(1, ByteBuffer())
      let huge = ByteBuffer(repeating: 2, count: 32 << 20)
      let over = Recorder<Bool>()
      async let waiting: Void = {
        try await connection.sendMsg(2, huge)
        over.append(true)
      }()
      _ = try await peer.receive(8 + 8 + (1 << 20))
      #expect(over.count == 0)
      _ = try await peer.receive((31 << 20))
      try await waiting
    }
  }

  @Test("a send that waits ends when its task is cancelled, and the others go on", arguments: pools)
  func cancelled(workers: Int) async throws {
    try await TestServer.run(Self.configuration(workers)) { server in
      let peer = try server.connect(receiveBuffer: 64 << 10)
      let connection = try await server.connection()
      let sent = try Self.fill(connection)
      let first = Task { try await connection.sendBuffMsg(2, ByteBuffer()) }
      let second = Task { try await connection.sendBuffMsg(3, ByteBuffer()) }
      let third = Task { try await connection.sendMsg(4, ByteBuffer()) }
      first.cancel()
      third.cancel()
      await #expect(throws: CancellationError.self) { try await first.value }
      await #expect(throws: CancellationError.self) { try await third.value }
      #expect(try await peer.frames(sent + 1).last?.id == 3)
      try await second.value
    }
  }

  @Test("a send that waits learns that the connection has ended", arguments: pools)
  func endsMeanwhile(workers: Int) async throws {
    try await TestServer.run(Self.configuration(workers)) { server in
      let peer = try server.connect(receiveBuffer: 64 << 10)
      let connection = try await server.connection()
      _ = try Self.fill(connection)
      let sends = [
        Task { try await connection.sendBuffMsg(2, ByteBuffer()) }, Task { try await connection.sendMsg(3, ByteBuffer()) },
      ]
      peer.reset()
      for send in sends { await #expect(throws: ZinxError.connectionClosed) { try await send.value } }
      #expect(try await server.reason() == .reset)
    }
  }

  @Test("a handler that waits for room holds back its own connection only", arguments: pools)
  func handlerWaits(workers: Int) async throws {
    try await TestServer.run(Self.configuration(workers)) { routes in
      routes.route(7) { request in for _ in 0..<300 { try await request.connection.sendBuffMsg(1, Self.block) } }
      routes.route(8, echo)
    } use: { server in
      let slow = try server.connect(receiveBuffer: 64 << 10)
      try await slow.send(RawFrame(7))
      for id: UInt64 in 1...4 {
        let other = try server.connect()
        _ = try await server.connection(id)
        #expect(try await other.exchange(RawFrame(8, "quick")).text == "quick")
      }
      let size = 8 + Self.block.readableBytes
      for _ in 0..<300 { #expect(try await slow.receive(size).count == size) }
    }
  }

  @Test("a connection is read on after its queue was full only because nothing had been written yet", arguments: pools)
  func readsOn(workers: Int) async throws {
    let configuration = ServerConfiguration.test(workers: workers) {
      $0.maxMsgChanLen = 1
      $0.ioThreads = 1
    }
    try await TestServer.run(configuration) { routes in
      routes.route(7, echo)
      routes.route(8) { request in
        for other in request.connection.connManager.all { try? other.trySendBuffMsg(9, request.data) }
      }
    } use: { server in
      let peers = try (0..<4).map { _ in try server.connect() }
      _ = try await server.connection(3)
      for round in 0..<100 {
        for peer in peers { try await peer.send(RawFrame(8, "all").bytes() + RawFrame(7, "\(round)").bytes()) }
        for peer in peers { while try await peer.frame() != RawFrame(7, "\(round)") {} }
      }
    }
  }
}

extension Result {
  fileprivate var isSuccess: Bool { if case .success = self { true } else { false } }
}
