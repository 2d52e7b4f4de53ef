import NIOCore
import Testing
import Zinx
import ZinxTesting
import ZinxWire

@testable import StationDaemon

@Suite("Charging stations")
struct StationTests {
  private static let sim = Array("89860000000000000001".utf8)
  private static let link = Array("link".utf8)
  private static let device: UInt32 = 0x0102_0304

  /// The frame of an order, made by hand.
  private static func frame(_ number: UInt8, _ command: UInt8, _ data: [UInt8], device: UInt8 = 4) -> [UInt8] {
    let bytes = Array("DNY".utf8) + [UInt8(data.count + 9), 0, device, 3, 2, 1, number, 0, command] + data
    let sum = bytes.reduce(0) { $0 + Int($1) }
    return bytes + [UInt8(sum & 0xFF), UInt8(sum >> 8)]
  }

  /// What a station sends from when it has a line to when it charges, with junk between all of it, some of which begins as frames do.
  private static let morning: [UInt8] =
    Array("AT+OK\r\n".utf8) + sim + [0, 0xFF] + link + Array("lin".utf8) + frame(1, 0x20, [2]) + Array("8912DN".utf8)
    + frame(2, 0x21, [0, 1]) + link + frame(3, 0x02, [0xE9, 3, 0, 0]) + Array("DN".utf8) + frame(4, 0x82, [0])

  /// What it gets.
  private static let answers = [
    order(1, 0x20, [0]), order(2, 0x21, [0]), order(3, 0x02, [0]), order(3, 0x82, [0xE9, 3, 0, 0]),
  ]

  private static func order(_ number: UInt16, _ command: UInt8, _ data: [UInt8]) -> Order {
    Order(device: device, number: number, command: command, data: ByteBuffer(bytes: data))
  }

  private func start(_ transport: TestServer.Transport = .memory) async throws -> TestServer {
    var configuration = TestServer.standardConfiguration
    configuration.framing = .codec(StationFrames())
    let plugin = try Stations.configured(["Cards": [1001], "Silence": 60])
    return try await TestServer(transport, configuration: configuration, plugins: [plugin])
  }

  private func orders(_ peer: TestPeer) throws -> [Order] { try peer.received.map { try $0.value() } }

  @Test func `a station registers, gives signs of life, and charges, wherever its bytes are cut`() async throws {
    let server = try await start()
    for cut in 0...Self.morning.count {
      let peer = try await server.connect()
      peer.send(bytes: ByteBuffer(bytes: Self.morning[..<cut]))
      await server.settle()
      peer.send(bytes: ByteBuffer(bytes: Self.morning[cut...]))
      await server.settle()
      #expect(try orders(peer) == Self.answers, "cut at \(cut)")
      let connection = try peer.connection
      #expect(connection.user == "1020304" && connection.logMetadata == ["sim": "89860000000000000001", "charging": "true"])
      await peer.close()
    }
    await server.stop()
  }

  @Test(.timeLimit(.minutes(1)))
  func `the same by TCP, byte by byte`() async throws {
    let server = try await start(.sockets)
    let peer = try await server.connect()
    for byte in Self.morning { peer.send(bytes: ByteBuffer(bytes: [byte])) }
    await server.settle()
    #expect(try orders(peer) == Self.answers)
    await server.stop()
  }

  @Test func `what is sent is a frame, byte for byte`() throws {
    let framing = Framing.codec(StationFrames())
    let answer = Message(id: 0x20, data: try ByteBuffer(encoding: Self.order(1, 0x20, [1])))
    #expect(try framing.encoded(answer) == ByteBuffer(bytes: Self.frame(1, 0x20, [1])))
    let endless = Message(id: 0x20, data: ByteBuffer(repeating: 0, count: 65_534))
    #expect(throws: FramingError.self) { try framing.encoded(endless) }
  }

  @Test func `signs of life keep a station, junk does not`() async throws {
    let server = try await start()
    let (living, babbling) = (try await server.connect(), try await server.connect())
    for (peer, device) in [(living, 1), (babbling, 2)] as [(TestPeer, UInt8)] {
      peer.send(bytes: ByteBuffer(bytes: Self.frame(1, 0x20, [2], device: device)))
    }
    await server.settle()
    for _ in 0..<3 {
      await server.advance(by: .seconds(30))
      living.send(bytes: ByteBuffer(bytes: Self.link))
      babbling.send(bytes: ByteBuffer(string: "~"))
      await server.settle()
    }
    #expect(living.end == nil && babbling.end != nil)
    await server.advance(by: .seconds(60))
    #expect(living.end != nil)
    await server.stop()
  }

  @Test func `a damaged frame is counted, and one that leaves no room for a command ends the connection`() async throws {
    let server = try await start()
    let peer = try await server.connect()
    var damaged = Self.frame(1, 0x20, [2])
    damaged[damaged.count - 1] ^= 1
    peer.send(bytes: ByteBuffer(bytes: damaged + Self.frame(2, 0x20, [2])))
    await server.settle()
    #expect(try orders(peer) == [Self.order(2, 0x20, [0])])
    #expect(server.server.pluginMetrics.first?.value == .counter(1))
    peer.send(bytes: ByteBuffer(bytes: Array("DNY".utf8) + [8, 0]))
    await server.settle()
    #expect(peer.end == .badFrame)
    await server.stop()
  }

  @Test func `a card that is not known does not charge, and a station that comes again replaces itself`() async throws {
    let server = try await start()
    let (first, second) = (try await server.connect(), try await server.connect())
    for peer in [first, second] {
      peer.send(bytes: ByteBuffer(bytes: Self.frame(1, 0x20, [2])))
      await server.settle()
    }
    #expect(first.end == .replaced && second.end == nil)
    second.send(bytes: ByteBuffer(bytes: Self.frame(2, 0x02, [0xEA, 3, 0, 0]) + Self.frame(3, 0x02, [1])))
    await server.settle()
    #expect(try orders(second).last == Self.order(2, 0x02, [1]))
    #expect(server.server.counters.handlerErrors == 1 && second.end == nil)
    await server.stop()
  }

  @Test func `nothing is ordered before a station has said who it is`() async throws {
    let server = try await start()
    let peer = try await server.connect()
    peer.send(bytes: ByteBuffer(bytes: Self.frame(1, 0x02, [0xE9, 3, 0, 0])))
    await server.settle()
    #expect(peer.received == [] && server.server.counters.unauthenticatedMessages == 1)
    await server.stop()
  }
}
