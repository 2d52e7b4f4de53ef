import NIOCore
import Synchronization
import Testing
import ZinxPlugins
import ZinxTestKit
import ZinxWire

@testable import Zinx

/// Frames that are not Zinx's.
enum Foreign {
  /// Two bytes of length, big-endian, that count everything behind them, a byte of id, and data.
  static let simple: Framing = {
    do throws(FramingError) {
      return .lengthField(try LengthFieldFrames(lengthOffset: 0, lengthSize: 2, id: .field(offset: 2, size: 1)))
    } catch { fatalError("\(error)") }
  }()

  static func frame(_ id: UInt8, _ text: String) -> [UInt8] {
    let length = UInt16(text.utf8.count + 1)
    return [UInt8(length >> 8), UInt8(length & 0xFF), id] + Array(text.utf8)
  }

  static let lines: Framing = {
    do throws(FramingError) { return .lines(try LineFrames(delimiter: "\r\n".utf8, id: 7)) } catch { fatalError("\(error)") }
  }()
}

@Suite("Frames of others", .timeLimit(.minutes(1)))
struct FramingTests {
  static func configuration(
    _ framing: Framing, _ workers: Int, _ change: (inout ServerConfiguration) -> Void = { _ in }
  ) -> ServerConfiguration {
    .test(workers: workers) {
      $0.framing = framing
      change(&$0)
    }
  }

  /// Echoes at once, after a suspension, and as an awaited send, by id.
  static func echoes(_ routes: inout RouteRegistrar) {
    routes.route(1) { request in try request.echo() }
    routes.route(2) { request in
      await Task.yield()
      try await request.connection.sendBuffMsg(request.id, request.data)
    }
    routes.route(3) { request in try await request.connection.sendMsg(0, request.data) }
  }

  @Test("are answered by whole frames, in order, in whichever form a handler is written", arguments: pools, [1, 3, 1 << 20])
  func echoed(workers: Int, pieces: Int) async throws {
    try await TestServer.run(Self.configuration(Foreign.simple, workers), register: Self.echoes) { server in
      let peer = try server.connect()
      let stream = (0..<300).flatMap { Foreign.frame(UInt8($0 % 3 + 1), String(repeating: "x", count: $0 % 11)) }
      for start in stride(from: 0, to: stream.count, by: pieces) {
        try await peer.send(Array(stream[start..<min(stream.count, start + pieces)]))
      }
      #expect(try await peer.receive(stream.count) == stream)
      // Some of them wait for their answer to be written, and are counted with the batch when that has ended.
      try await until { server.server.counters.requestsReceived == 300 && server.server.counters.messagesSent == 300 }
      peer.shutdownWrite()
      #expect(try await peer.receiveAll() == [])
      #expect(try await server.reason() == .peerClosed)
    }
  }

  @Test("many at once are answered with few writes, also beyond what the queue may hold", arguments: pools)
  func flood(workers: Int) async throws {
    let configuration = Self.configuration(Foreign.simple, workers) { $0.maxMsgChanLen = 8 }
    try await TestServer.run(configuration, register: Self.echoes) { server in
      let peer = try server.connect()
      let stream = (0..<5000).flatMap { Foreign.frame(UInt8($0 % 2 + 1), "\($0)") }
      async let sent: Void = peer.send(stream)
      #expect(try await peer.receive(stream.count) == stream)
      try await sent
    }
  }

  @Test("a line that is longer than what is read ahead of a frame comes as a whole", arguments: pools)
  func longLine(workers: Int) async throws {
    try await TestServer.run(
      Self.configuration(Foreign.lines, workers) { $0.maxPacketSize = 1 << 20 },
      register: { routes in routes.route(7) { request in try request.reply("\(request.dataLength)") } }
    ) { server in
      let peer = try server.connect()
      for _ in 0..<20 { try await peer.send([UInt8](repeating: 97, count: 10_000)) }
      try await peer.send(Array("\r\n".utf8))
      #expect(try await peer.receive(8) == Array("200000\r\n".utf8))
    }
  }

  @Test("lines are cut at the delimiter, which is added to what is sent", arguments: pools)
  func lines(workers: Int) async throws {
    try await TestServer.run(
      Self.configuration(Foreign.lines, workers),
      register: { routes in
        routes.route(7) { request in
          switch request.data.text {
          case "both": try request.reply("a\r\nb")
          case "bytes": try request.connection.trySendRaw(ByteBuffer(string: "a\r\nb\r\n"))
          case let text: try request.reply("<\(text)>")
          }
        }
      }
    ) { server in
      let peer = try server.connect()
      try await peer.send(Array("hello\r\n\r\nboth\r\nbytes\r\nlast\r\n".utf8))
      let expected = "<hello>\r\n<>\r\na\r\nb\r\n<last>\r\n"
      #expect(try await peer.receive(expected.utf8.count) == Array(expected.utf8))
      let failures = server.events.all.compactMap {
        if case .handlerFailed(_, _, let error) = $0 { error as? ZinxError } else { nil }
      }
      #expect(failures == [.unencodable(reason: "the data holds the delimiter")])
    }
  }

  /// A charging station's plugin: tells each frame by its id.
  private static func station(_ routes: inout RouteRegistrar) {
    routes.otherwise { request in try request.reply("\(request.id):\(request.dataLength);") }
    routes.route(0x20) { request in
      await Task.yield()
      try request.reply("32:\(request.dataLength);")
    }
  }

  @Test("of a charging station, three kinds on one connection with junk between them", arguments: pools, [1, 7, 1000])
  func station(workers: Int, pieces: Int) async throws {
    try await TestServer.run(Self.configuration(.codec(StationCodec()), workers), register: Self.station) { server in
      let sums: [UInt8] = [0x44, 0x4E, 0x59, 10, 0, 4, 3, 2, 1, 1, 0, 0x20, 1, 0x21, 1]
      var wrong = sums
      wrong[13] = 0x22
      let stream =
        Array("~~link~D".utf8) + sums + Array("lin89860000000000000001x".utf8) + wrong + Array("linklink\r\n89DNY".utf8)
      let peer = try server.connect()
      for start in stride(from: 0, to: stream.count, by: pieces) {
        try await peer.send(Array(stream[start..<min(stream.count, start + pieces)]))
        if pieces < 1000 { try await server.loopsAnswer() }
      }
      let expected = Array("65282:4;32:15;65281:20;65283:15;65282:4;65282:4;".utf8)
      #expect(try await peer.receive(expected.count) == expected)
      peer.shutdownWrite()
      #expect(try await peer.receiveAll() == [])
      peer.close()
      #expect(try await server.reason() == .truncated, "DNY is the beginning of a frame")
    }
  }

  @Test("junk at the end is no frame that was cut off", arguments: pools)
  func junkAtTheEnd(workers: Int) async throws {
    try await TestServer.run(Self.configuration(.codec(StationCodec()), workers), register: Self.station) { server in
      let peer = try server.connect()
      try await peer.send(Array("link\r\n~~~".utf8))
      peer.shutdownWrite()
      #expect(try await peer.receiveAll() == Array("65282:4;".utf8))
      peer.close()
      #expect(try await server.reason() == .peerClosed)
    }
  }

  @Test(
    "that are too long, or none at all, end the connection after what came before is answered",
    arguments: pools,
    [
      ([0xFF, 0xFF], .oversize, .oversizeFrame(length: 65537)), ([0, 8], .oversize, .oversizeFrame(length: 10)),
      ([0, 0, 9], .badFrame, .badFrame("a length that is shorter than the frame's own fields")),
    ] as [([UInt8], CloseReason, WireError)])
  func refused(workers: Int, _ refusal: ([UInt8], CloseReason, WireError)) async throws {
    let configuration = Self.configuration(Foreign.simple, workers) { $0.maxPacketSize = 9 }
    try await TestServer.run(configuration, register: Self.echoes) { server in
      let peer = try server.connect()
      let fitting = Foreign.frame(1, "sixsix")
      #expect(fitting.count == 9)
      try await peer.send(fitting + refusal.0)
      #expect(try await peer.receiveAll() == fitting)
      peer.close()
      #expect(try await server.reason() == refusal.1)
      #expect(server.faults == [WireFault(header: nil, maxPacketSize: 9, error: refusal.2)])
    }
  }

  /// Takes each byte for a frame, with an id of its own.
  private struct Tagged: FrameCodec {
    let name = "tagged"
    let tag: UInt32
    func decode(_ bytes: Span<UInt8>) -> FrameStep { .message(length: 1, id: tag, data: 0..<1) }
    func encode(id: UInt32, data: ByteBuffer, into frame: inout ByteBuffer) { frame.writeImmutableBuffer(data) }
  }

  @Test("of a codec that a reload names are those of the plugin that runs, and not of one that was made to see its settings")
  func ownCodec() async throws {
    let configuration = EndpointTests.configuration([EndpointTests.endpoint("a")])
    let register: (inout RouteRegistrar) -> Void = { routes in
      routes.frames(Tagged(tag: 1))
      routes.otherwise { request in try request.reply("\(request.id)") }
    }
    try await TestServer.run(configuration, register: register) { server in
      var new = configuration
      new.endpoints[0].framing = .codec(Tagged(tag: 2))
      try await server.server.reload(new)
      let peer = try EndpointTests.connect(server, "a")
      try await peer.send([9])
      #expect(try await peer.receive(1) == Array("1".utf8))
    }
  }

  /// Finds frames of two bytes so many times, and then denies them.
  private final class Fickle: FrameCodec {
    let name = "fickle"
    private let asked = Atomic<Int>(0)
    private let honest: Int

    init(honest: Int) { self.honest = honest }

    func decode(_ bytes: Span<UInt8>) -> FrameStep {
      guard bytes.count >= 2 else { return .more(length: 2) }
      guard asked.wrappingAdd(1, ordering: .relaxed).oldValue < honest else { return .skip(1) }
      return .message(length: 2, id: UInt32(bytes[0]), data: 0..<2)
    }

    func encode(id: UInt32, data: ByteBuffer, into frame: inout ByteBuffer) { frame.writeImmutableBuffer(data) }
  }

  /// Those of a batch are found as it is cut out, and each again when it is handled; one that has to wait once more.
  @Test(
    "of a codec that denies what it has found end the connection as a bad frame, after what was handled is answered",
    arguments: pools, [([1, 1, 1], 4), ([2, 2, 2], 5), ([1, 2, 2], 6)] as [([UInt8], Int)])
  func denied(workers: Int, _ batch: (ids: [UInt8], honest: Int)) async throws {
    let codec = Fickle(honest: batch.honest)
    try await TestServer.run(Self.configuration(.codec(codec), workers), register: Self.echoes) { server in
      let peer = try server.connect()
      try await peer.send(batch.ids.flatMap { [$0, 9] })
      let answered = batch.ids[0] == batch.ids[1] ? 1 : 2
      #expect(try await peer.receiveAll() == batch.ids.prefix(answered).flatMap { [$0, 9] })
      peer.close()
      #expect(try await server.reason() == .badFrame)
      #expect(server.faults == [WireFault(header: nil, maxPacketSize: 4096, error: .contradiction, codec: "fickle")])
    }
  }

  @Test("a line that does not end is refused at the limit", arguments: pools)
  func endless(workers: Int) async throws {
    let configuration = Self.configuration(Foreign.lines, workers) { $0.maxPacketSize = 10 }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      try await peer.send(Array("12345678\r\n1234567890".utf8))
      #expect(try await peer.receiveAll() == Array("12345678\r\n".utf8))
      peer.close()
      #expect(try await server.reason() == .oversize)
      #expect(server.faults.map(\.error) == [.oversizeFrame(length: nil)])
    }
  }

  @Test(
    "that begin and do not go on are closed by the time for a frame", arguments: pools,
    [(Foreign.simple, [0], .headerTimeout), (Foreign.simple, [0, 5, 1], .bodyTimeout), (Foreign.lines, [65], .bodyTimeout)]
      as [(Framing, [UInt8], CloseReason)])
  func timeout(workers: Int, _ form: (Framing, [UInt8], CloseReason)) async throws {
    let configuration = Self.configuration(form.0, workers) { $0.frameTimeout = .milliseconds(100) }
    try await TestServer.run(configuration, register: Self.echoes) { server in
      let peer = try server.connect()
      try await peer.send(form.1)
      #expect(try await peer.receiveAll() == [])
      peer.close()
      #expect(try await server.reason() == form.2)
    }
  }

  @Test("that look like another protocol are not suspected", arguments: pools)
  func noSuspicion(workers: Int) async throws {
    try await TestServer.run(Self.configuration(Foreign.lines, workers), register: { _ in }) { server in
      let peer = try server.connect()
      try await peer.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
      try await until { server.server.counters.unknownMessages == 2 }
      for event in server.events.all {
        if case .unknownMessage(_, _, _, let looksLike) = event { #expect(looksLike == nil) }
      }
    }
  }

  @Test("are left alone by greeting and heartbeat", arguments: pools)
  func leftAlone(workers: Int) async throws {
    let configuration = EndpointTests.configuration(
      [EndpointTests.endpoint("zinx"), EndpointTests.endpoint("simple") { $0.framing = Foreign.simple }], workers: workers)
    let plugins = PluginRegistry(bundledPlugins).make("greeting", nil).map { [$0.plugin] } ?? []
    let register: (inout RouteRegistrar) -> Void = { routes in
      var heartbeat = Heartbeat()
      heartbeat.interval = .milliseconds(100)
      routes.heartbeat(heartbeat)
      Self.echoes(&routes)
    }
    try await TestServer.run(configuration, plugins: plugins, register: register) { server in
      let foreign = try EndpointTests.connect(server, "simple")
      _ = try await server.connection(0)
      let zinx = try EndpointTests.connect(server, "zinx")
      #expect(try await zinx.frames(4).map(\.id) == [2, 99_999, 99_999, 99_999])
      try await foreign.send(Foreign.frame(1, "first"))
      #expect(try await foreign.receive(8) == Foreign.frame(1, "first"))
    }
  }

  @Test("get a message to many in their own form, and none where it has none", arguments: pools)
  func broadcast(workers: Int) async throws {
    let configuration = EndpointTests.configuration(
      [
        EndpointTests.endpoint("zinx"), EndpointTests.endpoint("simple") { $0.framing = Foreign.simple },
        EndpointTests.endpoint("lines") { $0.framing = Foreign.lines },
        EndpointTests.endpoint("htlv") { $0.framing = .codec(HTLVCodec()) },
      ], workers: workers)
    try await TestServer.run(configuration) { server in
      let names = ["zinx", "simple", "lines", "htlv"]
      let peers = try names.map { try EndpointTests.connect(server, $0) }
      for id in 0..<4 { _ = try await server.connection(UInt64(id)) }
      #expect(try await server.connManager.broadcast(1, ByteBuffer(string: "one")) == Delivery(sent: 4))
      // Neither a line nor a function.
      #expect(try await server.connManager.broadcast(256, ByteBuffer(string: "\r\n")) == Delivery(sent: 2, unencodable: 2))
      #expect(server.server.counters.messagesUnencodable == 2 && server.server.counters.messagesSkipped == 0)
      #expect(try await server.connManager.broadcast(2, ByteBuffer(string: "two")) == Delivery(sent: 4))
      #expect(try await peers[0].frames(3) == [RawFrame(1, "one"), RawFrame(256, "\r\n"), RawFrame(2, "two")])
      #expect(try await peers[1].receive(8) == Array("one\r\ntwo".utf8))
      #expect(try await peers[2].receive(10) == Array("one\r\ntwo\r\n".utf8))
      let htlv = try await peers[3].receive(16)
      #expect(htlv.starts(with: [0xA2, 1, 3] + Array("one".utf8)) && htlv[8..<11] == [0xA2, 2, 3])
    }
  }

  @Test("bytes as they are leave in order with messages, on a connection of Zinx too", arguments: pools)
  func raw(workers: Int) async throws {
    let register: (inout RouteRegistrar) -> Void = { routes in
      routes.route(7) { request in
        try request.reply("before")
        try request.connection.trySendRaw(ByteBuffer(string: "raw"))
        try request.connection.trySendRaw(ByteBuffer())
        try request.reply("after")
      }
      routes.route(8) { request in
        try await request.connection.sendBuffMsg(8, "before")
        try await request.connection.sendRaw(ByteBuffer(string: "raw"))
        try await request.connection.sendMsg(8, ByteBuffer(string: "after"))
      }
    }
    try await TestServer.run(.test(workers: workers), register: register) { server in
      let peer = try server.connect()
      for id in [7, 8] as [UInt32] {
        try await peer.send(RawFrame(id))
        #expect(try await peer.frame() == RawFrame(id, "before"))
        #expect(try await peer.receive(3) == Array("raw".utf8))
        #expect(try await peer.frame() == RawFrame(id, "after"))
      }
    }
  }

  @Test("a peer that does not read is waited for, and gets all of it in the end", arguments: pools)
  func slow(workers: Int) async throws {
    let configuration = Self.configuration(Foreign.simple, workers) { $0.maxMsgChanLen = 4 }
    try await TestServer.run(configuration, register: Self.echoes) { server in
      let peer = try server.connect(receiveBuffer: 8 << 10)
      let frame = Foreign.frame(1, String(repeating: "x", count: 4000))
      let count = 2000
      async let sent: Void = peer.send(Array(repeatElement(frame, count: count).joined()))
      let connection = try await server.connection()
      try await until { connection.outbox.withLock { $0.blockedSince != nil } }
      #expect(connection.outbox.withLock { $0.messages } <= 5)
      #expect(try await peer.receive(count * frame.count) == Array(repeatElement(frame, count: count).joined()))
      try await sent
      try await until { connection.outbox.withLock { $0.isEmpty && $0.memory == 0 && $0.messages == 0 } }
    }
  }

  @Test("that are more than the rate allows wait, however far the last line was searched that is not whole", arguments: pools)
  func paced(workers: Int) async throws {
    let configuration = Self.configuration(Foreign.lines, workers) { $0.maxMsgRate = 20 }
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let peer = try server.connect()
      let lines = Array((0..<30).map { "\($0)\r\n" }.joined().utf8)
      try await peer.send(lines + Array(String(repeating: "x", count: 100).utf8))
      #expect(try await peer.receive(lines.count) == lines)
      try await peer.send(Array("\r\n".utf8))
      #expect(try await peer.receive(102) == [UInt8](repeating: UInt8(ascii: "x"), count: 100) + [13, 10])
    }
  }

  @Test("come with a reload for those who connect from then on")
  func reload() async throws {
    let configuration = EndpointTests.configuration([EndpointTests.endpoint("a")])
    try await TestServer.run(configuration, register: { $0.route(7, echo) }) { server in
      let old = try EndpointTests.connect(server, "a")
      #expect(try await EndpointTests.serves(old))
      var new = configuration
      new.endpoints[0].framing = Foreign.lines
      try await server.server.reload(new)
      #expect(server.server.listeners.map(\.framing) == [Foreign.lines])
      let peer = try EndpointTests.connect(server, "a")
      try await peer.send(Array("hello\r\n".utf8))
      #expect(try await peer.receive(7) == Array("hello\r\n".utf8))
      #expect(try await EndpointTests.serves(old))
    }
  }
}

extension TestServer {
  /// What was wrong with the bytes of connections that have ended.
  fileprivate var faults: [WireFault] {
    events.all.compactMap { if case .connectionEnded(_, _, _, let fault) = $0 { fault } else { nil } }
  }
}
