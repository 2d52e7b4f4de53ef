import NIOCore
import Testing
import ZinxIO
import ZinxTestKit
import ZinxWire

@testable import ZinxClient

/// Seconds of a test's time.
private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

@Suite("The life of a client's heartbeat")
struct HeartbeatLifeTests {
  private func life(_ interval: Int, _ timeout: Int, answers: Bool = true) -> HeartbeatLife {
    var heartbeat = ClientConfiguration.Heartbeat(interval: .seconds(interval), timeout: .seconds(timeout))
    heartbeat.answers = answers
    return HeartbeatLife(heartbeat, at: at(0))
  }

  @Test("has no deadline without times, and answers nothing when it is off")
  func off() {
    #expect(life(0, 0).deadline == .distantFuture)
    var off = HeartbeatLife(nil, at: at(0))
    #expect(off.deadline == .distantFuture)
    #expect(off.act(at: at(1e6)) == .wait)
    #expect(off.heartbeatCame(at: at(1)) == false)
  }

  @Test("sends one when either side has been silent, and again after each interval")
  func beats() {
    var life = life(5, 0)
    #expect(life.deadline == at(5))
    life.sent(at: at(3))
    // The server has said nothing.
    #expect(life.deadline == at(5))
    #expect(life.act(at: at(4.9)) == .wait)
    #expect(life.act(at: at(5)) == .beat)
    #expect(life.deadline == at(10))
    life.received(at: at(9))
    life.sent(at: at(9))
    #expect(life.deadline == at(14))
    // We have said nothing.
    life.received(at: at(13))
    #expect(life.act(at: at(14)) == .beat)
  }

  @Test("gives the server up when nothing has come, whatever was sent")
  func givesUp() {
    var life = life(5, 12)
    life.sent(at: at(11))
    #expect(life.act(at: at(5)) == .beat)
    #expect(life.act(at: at(10)) == .beat)
    #expect(life.deadline == at(12))
    #expect(life.act(at: at(11.9)) == .wait)
    #expect(life.act(at: at(12)) == .giveUp)
    life.received(at: at(12))
    #expect(life.act(at: at(12)) == .wait)
  }

  @Test(
    "takes a time-out that no live server can keep as the shortest that one can, and times below zero as none",
    arguments: [(5, 1, 7), (5, 6, 7), (5, 8, 8), (0, 1, 2), (-1, 1, 2)])
  func shortest(interval: Int, timeout: Int, taken: Double) {
    var life = life(interval, timeout)
    while life.act(at: life.deadline) == .beat {}
    #expect(life.deadline == at(taken))
    #expect(self.life(0, -1).deadline == .distantFuture)
  }

  @Test("answers one a second, and no answer to its own")
  func answers() {
    var life = life(5, 0)
    let answered = [0, 0.9, 1, 1.5].map { life.heartbeatCame(at: at($0)) }
    #expect(answered == [true, false, true, false])
    #expect(life.act(at: at(5)) == .beat)
    let next = [6.0, 6.1].map { life.heartbeatCame(at: at($0)) }
    #expect(next == [false, true])
    var silent = self.life(0, 0, answers: false)
    #expect(silent.heartbeatCame(at: at(0)) == false)
  }
}

@Suite("A client's heartbeat", .timeLimit(.minutes(1)))
struct HeartbeatTests {
  private static func configuration(
    _ interval: Duration = .zero, _ timeout: Duration = .zero, isDelivered: Bool = false
  ) -> ClientConfiguration {
    var configuration = ClientConfiguration()
    configuration.heartbeat = .init(interval: interval, timeout: timeout)
    configuration.heartbeat?.isDelivered = isDelivered
    return configuration
  }

  @Test("answers that of a server with its data, and leaves it out of the messages", arguments: [false, true])
  func answers(isDelivered: Bool) async throws {
    let pair = try await Pair(Self.configuration(isDelivered: isDelivered))
    try await pair.peer.send(99_999, "are you there?")
    try await pair.peer.send(99_999, "are you?")
    try await pair.peer.send(1, "news")
    #expect(try await pair.peer.receive() == Message(99_999, "are you there?"))
    var messages = pair.client.messages.makeAsyncIterator()
    if isDelivered {
      #expect(try await messages.next() == Message(99_999, "are you there?"))
      #expect(try await messages.next() == Message(99_999, "are you?"))
    }
    #expect(try await messages.next() == Message(1, "news"))
    pair.client.abandon()
    #expect(try await pair.peer.readToEnd() == [])
  }

  @Test("is a message as any other when it is off, and a reply to who asks for one")
  func off() async throws {
    var configuration = ClientConfiguration()
    configuration.heartbeat = nil
    let pair = try await Pair(configuration)
    try await pair.peer.send(99_999, "?")
    var messages = pair.client.messages.makeAsyncIterator()
    #expect(try await messages.next() == Message(99_999, "?"))
    let other = try await Pair()
    async let reply = other.client.request(99_999, bytes("ping"))
    #expect(try await other.peer.receive() == Message(99_999, "ping"))
    try await other.peer.send(99_999, "pong")
    #expect(try await reply == Message(99_999, "pong"))
  }

  @Test("is sent to a silent server, again and again, and keeps a server that answers")
  func keeps() async throws {
    let pair = try await Pair(Self.configuration(.milliseconds(100), .milliseconds(2000)))
    for _ in 0..<5 {
      #expect(try await pair.peer.receive() == Message(99_999, ""))
      try await pair.peer.send(99_999, "")
    }
    #expect(pair.client.state == .connected)
  }

  @Test("that nobody answers ends the connection: with the reason, for requests and messages too")
  func lost() async throws {
    let pair = try await Pair(Self.configuration(.milliseconds(600), .milliseconds(2600)))
    let request = Task { () throws -> Void in _ = try await pair.client.request(1, bytes("?")) }
    var messages = pair.client.messages.makeAsyncIterator()
    await #expect(throws: ClientError.closed(.heartbeatLost)) { try await messages.next() }
    #expect(await failure(of: request) == .closed(.heartbeatLost))
    #expect(pair.client.state == .closed(.heartbeatLost))
    let sent = try await pair.peer.readToEnd()
    #expect(sent == FakePeer.frame(1, "?") + (0..<4).flatMap { _ in FakePeer.frame(99_999, "") })
  }

  @Test("does not blame the server for messages that nobody takes")
  func untaken() async throws {
    var configuration = Self.configuration(.milliseconds(250), .milliseconds(2250))
    configuration.maxUnreadBytes = 1
    let pair = try await Pair(configuration)
    try await pair.peer.send(1, "first")
    // Read no further, the client sends for longer than its time-out, and does not give up.
    for _ in 0..<10 { #expect(try await pair.peer.receive() == Message(99_999, "")) }
    #expect(pair.client.state == .connected)
    var messages = pair.client.messages.makeAsyncIterator()
    #expect(try await messages.next() == Message(1, "first"))
    await #expect(throws: ClientError.closed(.heartbeatLost)) { try await messages.next() }
  }
}
