import NIOCore
import Testing
import ZinxWire

@testable import Zinx

@Suite("What a server hands over, as bytes")
struct HandoverStateTests {
  /// One with something in every field.
  static var full: HandoverState {
    var state = HandoverState()
    (state.program, state.nextID, state.isSuspended) = ("zinxd 1.2.3", 100, true)
    var listener = ListenerState()
    (listener.name, listener.sockets, listener.isPassed) = ("zinx", [5, 6], true)
    (listener.path, listener.framing, listener.isWebSocket, listener.address) = ("/run/x", "ltv-le", true, "tcp 127.0.0.1 7777")
    state.listeners = [ListenerState(), listener]
    state.plugins = [NamedState("chat", [1, 0, 2])]
    state.sockets = [SocketState("asker", 9, detail: "\"7\"")]
    var connection = ConnectionState()
    (connection.id, connection.descriptor, connection.listener) = (7, 12, 1)
    (connection.peer.family, connection.peer.port, connection.peer.high) = (2, 4711, .max)
    (connection.peer.low, connection.peer.scope) = (1, 3)
    (connection.acceptedAt, connection.receivedAt, connection.messagesReceived, connection.bytesReceived) = (1, 2, 3, 4)
    (connection.inbox, connection.hasSpoken) = ([0, 255, 1], true)
    (connection.outbox.bytes, connection.outbox.frames, connection.outbox.firstFrame) = (Array(repeating: 9, count: 30), 3, 10)
    (connection.outbox.isCut, connection.outbox.lengths) = (true, [12, 8])
    (connection.outbox.bytesWritten, connection.outbox.messagesWritten, connection.outbox.blockedSince) = (1000, 20, 5)
    (connection.life.phase, connection.life.reason, connection.life.dropsRest) = (.flushing, "draining", true)
    (connection.life.isBroken, connection.life.peerIsDone) = (true, true)
    (connection.receiving.quietSince, connection.receiving.hasReceived, connection.receiving.frameSpent) = (6, true, 0)
    (connection.user, connection.groups, connection.closeText) = ("u\u{e4}", ["a", "", "b"], "why")
    connection.properties = [NamedState("room", [1]), NamedState("level", [])]
    (connection.strikes, connection.authenticationDeadline, connection.beatAt) = (2, 8, 9)
    (connection.deadline, connection.lingerDeadline, connection.discards) = (10, 11, 13)
    connection.metadata = [NamedState("room", [65])]
    var plain = ConnectionState()
    (plain.id, plain.descriptor) = (99, 13)
    state.connections = [connection, plain]
    return state
  }

  /// The same with the fields that version 1 has got since.
  static var fullest: HandoverState {
    var state = full
    state.sockets.append(SocketState(HandoverState.loopSet, 20))
    state.counts = [CountState("received", 1 << 40), CountState("closed", label: "reset", 3)]
    state.listeners[1].accepted = 77
    state.connections[0].registration = RegistrationState(loop: 0, number: 9, interest: 5)
    state.connections[0].outbox.isControl = true
    var webSocket = WebSocketState()
    (webSocket.path, webSocket.query, webSocket.subprotocol, webSocket.requestLength) = ("/ws", "", "zinx", 200)
    (webSocket.headers, webSocket.rest) = ([NamedState("Origin", [104])], [1, 2])
    (webSocket.closeCode, webSocket.peerClosed, webSocket.cut, webSocket.farewell) = (1001, true, [3], [])
    webSocket.decoder.isInsideMessage = true
    (webSocket.decoder.rest, webSocket.decoder.mask, webSocket.decoder.operation) = (5, .max, 9)
    webSocket.decoder.control = [4]
    state.connections[0].webSocket = webSocket
    return state
  }

  @Test("every field is read back as it was written")
  func roundTrip() throws {
    #expect(try HandoverState(Self.full.bytes) == Self.full)
    #expect(try HandoverState(Self.fullest.bytes) == Self.fullest)
    #expect(try HandoverState(HandoverState().bytes) == HandoverState())
  }

  private static let golden = """
    7a696e780173740a080110011a0b7a696e786420312e322e332064280132808080800032b2808080000a047a696e7810051006180122062f72756e2f \
    782a066c74762d6c6530013a12746370203132372e302e302e312037373737428b808080000a046368617412030100024a8e808080000a0561736b65 \
    7210091a032237223add818080000807100c1801229480808000080210e72418ffffffffffffffffff012001280328013002380340044a0300ff0150 \
    015ab1808080000a1e0909090909090909090909090909090909090909090909090909090909091003180a2001280c280830e8073814400562928080 \
    800008021208647261696e696e671801200128016a8680808000080610011801720375c3a47a01617a007a0162820189808080000a04726f6f6d1201 \
    01820187808080000a056c6576656c8a0103776879900102980108a00109a8010ab0010bb8010dc20189808080000a04726f6f6d1201413a8a808080 \
    000863100d2280808080007803
    """

  @Test("a state that version 1 has written is read as it was meant")
  func golden() throws {
    let bytes = Self.golden.split(separator: " ").joined().utf8
    let numbers = stride(from: 0, to: bytes.count, by: 2).map { index -> UInt8 in
      let start = bytes.index(bytes.startIndex, offsetBy: index)
      return UInt8(String(decoding: bytes[start...].prefix(2), as: UTF8.self), radix: 16) ?? 0
    }
    #expect(try HandoverState(numbers) == Self.full)
  }

  @Test("fields that are not known are passed over, of every kind and at every depth")
  func unknownFields() throws {
    var writer = StateWriter()
    writer.put(4, 8)
    writer.put(1000, 5)
    writer.put(1001, "later")
    writer.put(6) {
      $0.put(1, "zinx")
      $0.put(77, 1)
    }
    writer.put(7) {
      $0.put(1, 7)
      $0.put(2, 12)
      $0.put(300) { $0.put(1, 1) }
    }
    writer.put(15, 2)
    // A number of eight bytes and one of four, which nobody writes today.
    let more: [UInt8] =
      [17 << 3 & 0x7f | 0x80 | 1, 1] + Array(repeating: 7, count: 8) + [18 << 3 & 0x7f | 0x80 | 5, 1, 1, 2, 3, 4]
    let state = try HandoverState(Array("zinx\u{1}st\n".utf8) + writer.bytes + more)
    #expect(state.nextID == 8)
    #expect(state.listeners.map(\.name) == ["zinx"])
    #expect(state.connections.map(\.id) == [7])
  }

  @Test("what is missing has the value of a connection that has just begun")
  func missingFields() throws {
    var writer = StateWriter()
    writer.put(4, 8)
    writer.put(6) { _ in }
    writer.put(7) { $0.put(2, 12) }
    writer.put(15, 2)
    var expected = ConnectionState()
    expected.descriptor = 12
    #expect(try HandoverState(Array("zinx\u{1}st\n".utf8) + writer.bytes).connections == [expected])
  }

  @Test("as many connections as are written and read side by side are those that there were, in their order")
  func many() throws {
    var state = HandoverState()
    state.nextID = 10_000
    state.listeners = [ListenerState()]
    state.connections = (0..<5001).map { index in
      var connection = ConnectionState()
      (connection.id, connection.descriptor) = (UInt64(9000 - index), Int32(index + 3))
      return connection
    }
    let bytes = state.bytes
    #expect(try HandoverState(bytes) == state)
    state.connections[5000].descriptor = 3
    #expect(throws: HandoverFault.malformed(offset: 0)) { try HandoverState(state.bytes) }
    #expect(throws: HandoverFault.truncated) { try HandoverState(Array(bytes.dropLast(3))) }
  }

  @Test("a connection in the epoll set of a loop that there is not is an error")
  func noSuchLoop() {
    var state = Self.fullest
    state.connections[0].registration?.loop = 1
    #expect(throws: HandoverFault.malformed(offset: 0)) { try HandoverState(state.bytes) }
  }

  @Test("what no decoder of a WebSocket can have come to is an error")
  func impossibleDecoder() {
    for change: (inout WebSocketDecoder.Held) -> Void in [
      { ($0.rest, $0.control, $0.header) = (nil, [], [0x89, 0x81, 1, 2, 3, 4]) }, { $0.header = [0x89] },
      { ($0.rest, $0.control, $0.header) = (nil, [], [0xff]) }, { $0.rest = 125 }, { $0.operation = 3 }, { $0.rest = nil },
      { $0.operation = 2 }, { $0.isLast = false },
    ] {
      var state = Self.fullest
      var webSocket = state.connections[0].webSocket ?? WebSocketState()
      change(&webSocket.decoder)
      state.connections[0].webSocket = webSocket
      #expect(throws: HandoverFault.malformed(offset: 0), "\(webSocket.decoder)") { try HandoverState(state.bytes) }
    }
  }

  @Test("every counter goes on, whatever it is called")
  func counters() throws {
    let counters = Counters()
    let former = CounterRow.all.enumerated().map { CountState($1.key, UInt64($0 + 1)) }
    let reasons = [
      CountState("closed", label: "reset", 7), CountState("refused", label: "max-conn", 8),
      CountState("failedArrivals", label: "tls-failed", 9),
    ]
    counters.goOn(from: former + reasons + [CountState("later", 5), CountState("closed", label: "later", 5)])
    let snapshot = counters.snapshot
    for (index, row) in CounterRow.all.enumerated() { #expect(row.value(snapshot) == UInt64(index + 1), "\(row.key)") }
    #expect((snapshot.connectionsClosed, snapshot.failedArrivals) == ([.reset: 7], [.tlsFailed: 9]))
    #expect(snapshot.connectionsRefused == 8)
    let next = Counters()
    next.goOn(from: snapshot.state)
    #expect(next.snapshot == snapshot)
  }

  @Test("bytes that end early are no state, wherever they end")
  func truncated() {
    let bytes = Self.fullest.bytes
    for count in 0..<bytes.count {
      #expect(throws: HandoverFault.self, "\(count) bytes") { try HandoverState(Array(bytes[..<count])) }
    }
  }

  @Test("a state that says that it is not for us is refused by its program and version, whatever follows")
  func tooNew() {
    var writer = StateWriter()
    writer.put(1, 9)
    writer.put(2, 2)
    writer.put(3, "zinxd 9.0")
    let bytes = Array("zinx\u{1}st\n".utf8) + writer.bytes + [0xff, 0xff]
    let fault = HandoverFault.tooNew(program: "zinxd 9.0", version: 9)
    #expect(throws: fault) { try HandoverState(bytes) }
    #expect("\(fault)" == "zinxd 9.0 has written it in version 9, of which this program knows 1")
  }

  @Test("and so is one that says so and not who has written it")
  func tooNewWithoutName() {
    var writer = StateWriter()
    writer.put(2, 2)
    writer.put(15, 1)
    #expect(throws: HandoverFault.tooNew(program: "", version: 1)) {
      try HandoverState(Array("zinx\u{1}st\n".utf8) + writer.bytes)
    }
  }

  @Test("a newer one that says that it is for us is taken")
  func newer() throws {
    var writer = StateWriter()
    writer.put(1, 9)
    writer.put(2, 1)
    writer.put(15, 1)
    #expect(try HandoverState(Array("zinx\u{1}st\n".utf8) + writer.bytes) == HandoverState())
  }

  private static func broken(_ change: (inout HandoverState) -> Void) -> [UInt8] {
    var state = full
    change(&state)
    return state.bytes
  }

  private static let cases: [(String, [UInt8])] = [
    ("an id that is not taken", broken { $0.connections[1].id = 100 }),
    ("an id twice", broken { $0.connections[1].id = 7 }),
    ("a descriptor twice", broken { $0.connections[1].descriptor = 12 }),
    ("a descriptor of a listener", broken { $0.connections[1].descriptor = 5 }),
    ("a standard stream", broken { $0.connections[1].descriptor = 2 }),
    ("no descriptor", broken { $0.connections[1].descriptor = -1 }),
    ("a listener that there is not", broken { $0.connections[1].listener = 2 }),
    ("a listener before the first", broken { $0.connections[1].listener = -1 }),
    ("frames without bytes", broken { $0.connections[1].outbox.frames = 1 }),
    ("a frame that is longer than all", broken { $0.connections[0].outbox.firstFrame = 31 }),
    ("lengths that are not those of the frames", broken { $0.connections[0].outbox.lengths = [12] }),
    ("an end without a reason", broken { $0.connections[0].life.reason = "" }),
  ]

  @Test("a state that cannot be is an error", arguments: cases.map(\.0))
  func impossible(_ name: String) throws {
    let bytes = try #require(Self.cases.first { $0.0 == name }).1
    #expect(throws: HandoverFault.self) { try HandoverState(bytes) }
  }
}

@Suite("A connection that is held, and goes on in another program")
struct HeldLifeTests {
  @Test("begins nothing, and does what it would have done when it is released")
  func held() {
    var life = ConnectionLife()
    life.begin()
    life.hold()
    #expect(life.next(.none, isFlushed: true) == .wait)
    #expect(!life.reads)
    life.release()
    #expect(life.next(.none, isFlushed: true) == .runStartHook)
    life.hold()
    life.userCodeEnded()
    #expect(life.next(.ready, isFlushed: true) == .wait)
    life.release()
    #expect(life.reads)
    #expect(life.next(.ready, isFlushed: true) == .runRequests)
  }

  @Test("keeps an end that comes meanwhile")
  func ends() {
    var life = ConnectionLife()
    life.begin()
    _ = life.next(.none, isFlushed: true)
    life.userCodeEnded()
    life.hold()
    life.peerClosed(insideFrame: false)
    #expect(life.next(.none, isFlushed: true) == .wait)
    life.release()
    #expect(life.reason == .peerClosed)
    #expect(life.next(.none, isFlushed: true) == .runStopHook(.peerClosed))
  }

  /// A life that has come as far as an action.
  private static func life(upTo action: ConnectionLife.Action) -> ConnectionLife {
    var life = ConnectionLife()
    life.begin()
    var flushed = false
    for _ in 0..<20 {
      let next = life.next(.none, isFlushed: flushed)
      if next == action { return life }
      switch next {
      case .runStartHook, .runRequests, .runStopHook: life.userCodeEnded()
      case .wait: life.end(.killed)
      case .flush: flushed = true
      case .shutdownWrite, .close: break
      }
    }
    return life
  }

  @Test(
    "goes on where it was",
    arguments: [
      (ConnectionLife.Action.flush, ConnectionLife.Action.runStopHook(.killed)), (.runStopHook(.killed), .shutdownWrite),
      (.shutdownWrite, .wait),
    ])
  func goesOn(_ last: ConnectionLife.Action, _ next: ConnectionLife.Action) {
    var life = ConnectionLife(Self.life(upTo: last).state)
    #expect(life.reason == .killed)
    #expect(life.next(.none, isFlushed: true) == next)
  }

  @Test("whose reason this program does not know ends because of the handover")
  func unknownReason() {
    var state = LifeState()
    state.reason = "of-tomorrow"
    #expect(ConnectionLife(state).reason == .handover)
  }
}

@Suite("A property that lasts is written down")
struct LastingPropertyTests {
  private struct Place: Payload, Equatable {
    var x: UInt32
    init(x: UInt32) { self.x = x }
    init(decoding data: inout ByteBuffer) throws {
      guard let x = data.readInteger(as: UInt32.self) else { throw PayloadError.truncated }
      self.x = x
    }
    func encode(into data: inout ByteBuffer) { data.writeInteger(x) }
  }

  private enum Where: LastingPropertyKey {
    typealias Value = Place
    static let stateName = "where"
  }

  private enum Level: LastingPropertyKey {
    typealias Value = Int
    static let stateName = "level"
  }

  private enum Nick: LastingPropertyKey {
    typealias Value = String
    static let stateName = "nick"
  }

  @Test("as the data of a message where it is one")
  func payload() throws {
    #expect(try Where.bytes(of: Place(x: 7)) == [0, 0, 0, 7])
    #expect(try Where.value(of: [0, 0, 0, 7]) == Place(x: 7))
    #expect(throws: PayloadError.truncated) { try Where.value(of: [0]) }
  }

  @Test("as its text where it has one, and is refused where that is none of it")
  func text() throws {
    #expect(try (Level.value(of: Level.bytes(of: -5)), Nick.value(of: Nick.bytes(of: "m\u{e4}rio"))) == (-5, "m\u{e4}rio"))
    #expect(throws: PropertyFault.self) { try Level.value(of: Array("x".utf8)) }
  }
}

@Suite("A queue that another program goes on with")
struct HandedOutboxTests {
  private static func frame(_ count: Int) -> [UInt8] { [UInt8(count), 0, 0, 0, 3, 0, 0, 0] + Array(repeating: 7, count: count) }

  @Test("is cut where it was, and counts what leaves as before")
  func goesOn() throws {
    var outbox = Outbox(.ltvLittleEndian)
    for count in [4, 0, 9] { outbox.append(frame: .init(bytes: Self.frame(count)), isCorked: false) }
    outbox.wrote(5)
    let state = outbox.state
    #expect(state.bytes == Array((Self.frame(4) + Self.frame(0) + Self.frame(9))[5...]))
    #expect((state.frames, state.firstFrame, state.isCut) == (3, 7, true))
    var other = Outbox(.ltvLittleEndian)
    try other.goOn(from: state)
    #expect((other.messages, other.bytes, other.bytesWritten) == (3, 32, 5))
    other.wrote(7)
    #expect(other.messages == 2)
    other.wrote(25)
    #expect((other.messages, other.isEmpty, other.messagesWritten) == (0, true, 3))
  }

  @Test("of frames that do not tell how long they are keeps that")
  func lengths() throws {
    var outbox = Outbox(nil)
    for count in [4, 1, 9] { outbox.append(frame: .init(bytes: [UInt8](repeating: 1, count: count)), isCorked: false) }
    outbox.wrote(2)
    var other = Outbox(nil)
    try other.goOn(from: outbox.state)
    other.wrote(3)
    #expect((other.messages, other.bytes) == (1, 9))
  }

  @Test("of a WebSocket counts no more as messages than there are, and knows whose frame is cut")
  func webSocket() throws {
    var outbox = Outbox(.ltvLittleEndian, isWebSocket: true)
    let (pong, message) = (WebSocketFrame.encoded(.init(bytes: [1]), .pong), WebSocketFrame.encoded(.init(bytes: Self.frame(4))))
    for frame in [pong, message, pong, message] { outbox.append(frame: frame, isCorked: false) }
    outbox.wrote(1)
    var other = Outbox(.ltvLittleEndian, isWebSocket: true)
    try other.goOn(from: outbox.state)
    #expect((outbox.messagesWritten, other.messagesWritten, other.messages) == (0, 0, 4))
    other.wrote(pong.readableBytes - 1 + message.readableBytes)
    #expect((other.messagesWritten, other.messages) == (1, 2))
    other.wrote(pong.readableBytes + message.readableBytes)
    #expect((other.messagesWritten, other.isEmpty) == (2, true))
  }

  @Test("whose bytes are not those of its frames is an error")
  func malformed() {
    var state = OutboxState()
    (state.bytes, state.frames, state.firstFrame) = (Self.frame(4) + Self.frame(2), 3, 12)
    #expect(throws: HandoverFault.malformed(offset: 0)) {
      var outbox = Outbox(.ltvLittleEndian)
      try outbox.goOn(from: state)
    }
  }
}
