import Testing
import Zinx
import ZinxTestKit
import ZinxWire

@Suite("The limit of a frame", .timeLimit(.minutes(1)))
struct FrameLimitTests {
  static func configuration(_ pack: DataPack = .ltvLittleEndian, _ workers: Int) -> ServerConfiguration {
    .test(workers: workers) {
      $0.dataPack = pack
      $0.maxPacketSize = 100
    }
  }

  @Test("a message exactly as long as allowed passes", arguments: ExchangeTests.forms)
  func exact(pack: DataPack, workers: Int) async throws {
    try await TestServer.run(Self.configuration(pack, workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let frame = RawFrame(7, [UInt8](repeating: 1, count: 100))
      try await peer.send(frame, pack)
      #expect(try await peer.frame(pack) == frame)
    }
  }

  @Test(
    "one byte more closes with oversize on the header alone, after the frames before it are answered",
    arguments: ExchangeTests.forms, [101, UInt32.max])
  func oversize(form: (DataPack, Int), length: UInt32) async throws {
    let (pack, workers) = form
    try await TestServer.run(Self.configuration(pack, workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let good = RawFrame(7, "good").bytes(pack) + RawFrame(7).bytes(pack)
      try await peer.send(good + RawFrame.header(7, length: length, pack))
      #expect(try await peer.receiveAll() == good)
      peer.close()
      #expect(try await server.reason() == .oversize)
    }
  }

  @Test("oversize is the reason, too, when the peer leaves before its header was looked at", arguments: pools)
  func oversizeBeforeTheEnd(workers: Int) async throws {
    let gate = Gate()
    let configuration = ServerConfiguration.test(workers: workers) {
      $0.maxPacketSize = 100
      $0.ioThreads = 1
    }
    try await TestServer.run(configuration) { routes in
      routes.route(7) { _ in try await gate.pass() }
      routes.route(8, echo)
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(7))
      try await peer.send(RawFrame.header(7, length: 101))
      peer.shutdownWrite()
      // The loop has gone round three times: what the first peer sent is read, and its end.
      let other = try server.connect()
      for _ in 0..<3 {
        try await other.send(RawFrame(8))
        _ = try await other.frame()
      }
      gate.open()
      #expect(try await server.reason() == .oversize)
    }
  }

  @Test("the answers reach a peer that goes on to send the oversize body", arguments: pools)
  func oversizeBody(workers: Int) async throws {
    try await TestServer.run(Self.configuration(.ltvLittleEndian, workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let good = RawFrame(7, "good").bytes()
      try await peer.send(good + RawFrame(7, [UInt8](repeating: 0, count: 200_000)).bytes())
      #expect(try await peer.receiveAll() == good)
      peer.close()
      #expect(try await server.reason() == .oversize)
    }
  }

  @Test("a flood behind an oversize header is read for a while only; the answers reach the peer all the same", arguments: pools)
  func oversizeFlood(workers: Int) async throws {
    var configuration = Self.configuration(.ltvLittleEndian, workers)
    configuration.lingerTimeout = .seconds(60)
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let good = RawFrame(7, "good").bytes()
      try await peer.send(good + RawFrame.header(7, length: 101))
      let flood = [UInt8](repeating: 0, count: 16 << 20)
      var sent = 0
      while sent < 256 << 20 {
        let taken = try await peer.sendUntilBlocked(flood)
        sent += taken
        if taken < flood.count { break }
      }
      // What is not read waits in the kernel, which takes some megabytes on either side.
      #expect(sent >= 16 << 20)
      #expect(sent < 128 << 20)
      #expect(try await peer.receiveAll() == good)
      #expect(server.connManager.count == 1)
      peer.reset()
      #expect(try await server.reason() == .oversize)
    }
  }

  @Test("a flood after a drain has begun does not keep it longer than the linger time-out", arguments: pools)
  func drainFlood(workers: Int) async throws {
    var configuration = Self.configuration(.ltvLittleEndian, workers)
    configuration.lingerTimeout = .milliseconds(300)
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(7, "good"))
      #expect(try await peer.frame().text == "good")
      server.connManager.clearConn()
      _ = try? await peer.sendUntilBlocked([UInt8](repeating: 0, count: 64 << 20))
      #expect(try await server.reason() == .draining)
    }
  }

  @Test("an oversize header behind requests that are being handled is found too", arguments: pools)
  func oversizeInInbox(workers: Int) async throws {
    let gate = Gate()
    let begun = Recorder<Int>()
    try await TestServer.run(Self.configuration(.ltvLittleEndian, workers)) { routes in
      routes.route(7) { request in
        begun.append(1)
        try await gate.pass()
        try await echo(request)
      }
    } use: { server in
      let peer = try server.connect()
      try await peer.send(RawFrame(7, "first"))
      try await begun.wait(for: 1)
      try await peer.send(RawFrame(7, "second").bytes() + RawFrame.header(7, length: 101))
      gate.open()
      #expect(try await peer.receiveAll() == RawFrame(7, "first").bytes() + RawFrame(7, "second").bytes())
      peer.close()
      #expect(try await server.reason() == .oversize)
    }
  }

  @Test("a stream that ends inside a frame closes with truncated", arguments: ExchangeTests.forms, [1, 7, 8, 11])
  func truncated(form: (DataPack, Int), length: Int) async throws {
    let (pack, workers) = form
    try await TestServer.run(Self.configuration(pack, workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let good = RawFrame(7, "good").bytes(pack)
      try await peer.send(good + RawFrame(7, "four").bytes(pack).prefix(length))
      peer.shutdownWrite()
      #expect(try await peer.receiveAll() == good)
      #expect(try await server.reason() == .truncated)
    }
  }

  @Test("a reload of the limit holds for the next message", arguments: pools)
  func reload(workers: Int) async throws {
    try await TestServer.run(Self.configuration(.ltvLittleEndian, workers), register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      var configuration = Self.configuration(.ltvLittleEndian, workers)
      let frame = RawFrame(7, [UInt8](repeating: 1, count: 150))
      configuration.maxPacketSize = 150
      server.server.apply(configuration)
      #expect(try await peer.exchange(frame) == frame)
      configuration.maxPacketSize = 149
      server.server.apply(configuration)
      try await peer.send(frame)
      #expect(try await peer.receiveAll() == [])
      peer.close()
      #expect(try await server.reason() == .oversize)
    }
  }
}
