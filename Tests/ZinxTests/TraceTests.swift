import NIOCore
import Synchronization
import Testing
import ZinxIO
import ZinxTestKit
import ZinxWire

@testable import Zinx

@Suite struct `What a trace keeps` {
  private static func messages(_ count: Int, connection: UInt64 = 1, length: Int = 4) -> [TracedMessage] {
    (0..<count).map {
      TracedMessage(connection, .received, at: 0, id: UInt32($0), length: length, data: [UInt8](repeating: 7, count: length))
    }
  }

  private static func second(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

  @Test func `is all that came, once, while it is little`() {
    var buffer = TraceBuffer(TraceLimits())
    buffer.add(Self.messages(3), of: 3, at: Self.second(1))
    let taken = buffer.take()
    #expect(taken.messages == Self.messages(3) && taken.leftOut.messages == 0)
    #expect(buffer.take().messages.isEmpty)
  }

  @Test func `is no more than its rate, and the rest is counted`() {
    var buffer = TraceBuffer(TraceLimits())
    let cost = TraceLimits().cost(4)
    var shown = 0
    for second in 1...10 {
      buffer.add(Self.messages(20_000), of: 100_000, at: Self.second(Int64(second)))
      let taken = buffer.take()
      #expect(taken.messages.count + taken.leftOut.messages == 100_000)
      shown += taken.messages.count
    }
    #expect(shown * cost <= 10 * Int(TraceLimits.bytesPerSecond) + Int(TraceLimits.burst))
    #expect(shown * cost >= 10 * (Int(TraceLimits.burst) - cost))
    #expect(buffer.shown == shown && buffer.leftOut == 1_000_000 - shown)
  }

  @Test func `does not grow while nobody takes it`() {
    var buffer = TraceBuffer(TraceLimits(data: 4096))
    for second in 1...100 { buffer.add(Self.messages(100, length: 4096), of: 100, at: Self.second(Int64(second))) }
    #expect(buffer.room(at: Self.second(200)) < TraceLimits(data: 4096).cost(4096))
    let held = buffer.take().messages.reduce(0) { $0 + TraceLimits(data: 4096).cost($1.length) }
    #expect(held <= TraceLimits.longestWait)
    #expect(buffer.room(at: Self.second(300)) > TraceLimits(data: 4096).cost(4096))
  }

  @Test func `ends with as many as were asked for, and what follows is not left out`() {
    var buffer = TraceBuffer(TraceLimits(count: 2))
    buffer.add(Self.messages(1), of: 1, at: Self.second(1))
    #expect(!buffer.isFull)
    buffer.add(Self.messages(5), of: 5, at: Self.second(1))
    #expect(buffer.isFull)
    #expect(buffer.take().messages.count == 2 && buffer.leftOut == 0)
    #expect(buffer.room(at: Self.second(9)) == 0)
  }

  @Test func `has what was sent behind gathered replies behind them`() {
    var buffer = TraceBuffer(TraceLimits())
    let (late, replies) = (Self.messages(1), Self.messages(2))
    buffer.add(late, of: 1, isBehind: true, at: Self.second(1))
    buffer.add(replies, of: 2, at: Self.second(1))
    buffer.release(1)
    #expect(buffer.take().messages == replies + late)
  }

  @Test func `keeps what is behind when others are taken first`() {
    var buffer = TraceBuffer(TraceLimits())
    buffer.add(Self.messages(1), of: 1, isBehind: true, at: Self.second(1))
    #expect(buffer.take().messages.isEmpty)
    buffer.release(2)
    buffer.release(1)
    #expect(buffer.take().messages.count == 1)
  }
}

@Suite struct `A traced connection` {
  private static let data = ByteBuffer(string: "hello")

  private func traced(
    _ limits: TraceLimits = TraceLimits(), _ change: (inout ServerConfiguration) -> Void = { _ in },
    _ body: (World, Connection, Trace) throws -> Void
  ) throws {
    let world = try World(1, change)
    let trace = Trace(limits, of: world.server)
    defer { trace.end() }
    #expect(trace.follow(world.connections[0]) == .begun)
    try body(world, world.connections[0], trace)
  }

  @Test func `shows what is sent past the cork, and what is no message as bytes`() throws {
    try traced { _, connection, trace in
      try connection.trySendBuffMsg(3, Self.data)
      try connection.trySendRaw(ByteBuffer(bytes: [1, 2, 3]))
      let messages = trace.take().messages
      #expect(messages.map(\.id) == [3, nil])
      #expect(messages.map(\.data) == [Array("hello".utf8), [1, 2, 3]])
      #expect(messages.allSatisfy { $0.direction == .sent && $0.connection == 0 })
    }
  }

  @Test func `shows replies that a thread gathers, those left where they are too, and what is sent behind them after them`()
    throws
  {
    try traced(TraceLimits(data: 4)) { _, connection, trace in
      let (cork, chunk) = (Cork(Traffic(), JobChain()), Chunk(capacity: 8192))
      _ = chunk.memory.initializeMemory(as: UInt8.self, repeating: 9)
      cork.take(connection, lender: chunk)
      #expect(connection.gather(1, UnsafeRawBufferPointer(chunk.memory), of: chunk))
      #expect(cork.hasLoans)
      let isSent = Parker()
      _ = try Thread {
        try? connection.trySendBuffMsg(2, Self.data)
        isSent.unpark()
      }
      isSent.park()
      #expect(trace.take().messages.isEmpty)
      cork.letGo()
      let messages = trace.take().messages
      #expect(messages.map(\.id) == [1, 2])
      #expect(messages.map(\.length) == [8192, 5])
      #expect(messages.map(\.data) == [[9, 9, 9, 9], Array("hell".utf8)])
    }
  }

  @Test func `shows what comes, and counts what there is no room for`() throws {
    try traced { _, connection, trace in
      let frames = RawFrame(7, "x").bytes(times: 10_000)
      frames.withUnsafeBytes { connection.traceReceived(10_000, of: $0) }
      let (messages, leftOut) = trace.take()
      #expect(messages.count + leftOut.messages == 10_000)
      #expect(messages.count >= 1900 && messages.allSatisfy { $0.id == 7 && $0.direction == .received })
    }
  }

  @Test func `shows frames of other protocols`() throws {
    let lines = try LineFrames(delimiter: [10], id: 5)
    try traced(TraceLimits(), { $0.framing = .lines(lines) }) { _, connection, trace in
      Array("one\ntwo\n".utf8).withUnsafeBytes { connection.traceReceived(2, of: $0) }
      try connection.trySendBuffMsg(0, Self.data)
      #expect(trace.take().messages.map { String(decoding: $0.data, as: UTF8.self) } == ["one", "two", "hello"])
    }
  }

  @Test func `is one to one trace, and to none when that has ended`() throws {
    try traced { world, connection, trace in
      let other = Trace(TraceLimits(), of: world.server)
      #expect(other.follow(connection) == .byAnother && trace.follow(connection) == .already)
      #expect(connection.outbox.withLock { $0.isWatched })
      trace.end()
      #expect(other.follow(connection) == .begun)
      try connection.trySendBuffMsg(3, Self.data)
      #expect(trace.take().messages.isEmpty && other.take().messages.count == 1)
      other.end()
      #expect(world.server.traces[connection.id] == nil)
    }
  }
}
