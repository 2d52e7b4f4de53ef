import CNats
import NIOCore
import Testing
import Zinx

@testable import ZinxNats

@Suite("What waits to be published")
struct SendQueueTests {
  private func message(_ size: Int) -> Outgoing {
    Outgoing(subject: "s", headers: HeaderLines(), data: ByteBuffer(repeating: 0, count: size), done: { _ in })
  }

  @Test func `is taken while there is a connection, and has somebody come for the first`() {
    var queue = SendQueue(limit: 10_000)
    #expect(queue.add(message(1)) == .refused(.away))
    queue.isOpen = true
    #expect(queue.add(message(1)) == .accepted(isFirst: true))
    #expect(queue.add(message(2)) == .accepted(isFirst: false))
    #expect(queue.takeAll().map(\.data.readableBytes) == [1, 2])
    #expect(queue.add(message(3)) == .accepted(isFirst: true))
    queue.isOpen = false
    #expect(queue.add(message(1)) == .refused(.away))
    #expect(queue.takeAll().count == 1)
  }

  @Test func `has no more bytes than may be, with those that the socket has not taken`() {
    var queue = SendQueue(limit: 2 * message(100).size)
    queue.isOpen = true
    #expect(queue.add(message(100)) == .accepted(isFirst: true))
    #expect(queue.add(message(101)) == .refused(.full))
    #expect(queue.add(message(100)) == .accepted(isFirst: false))
    #expect(queue.add(message(0)) == .refused(.full))
    _ = queue.takeAll()
    queue.buffered = message(100).size + 1
    #expect(queue.add(message(100)) == .refused(.full))
    queue.buffered -= 1
    #expect(queue.add(message(100)) == .accepted(isFirst: true))
  }
}

@Suite("The headers of a message")
struct HeaderLinesTests {
  @Test func `are one name with all lines but the last value`() {
    let lines = HeaderLines([("A", "1"), ("B", "2"), ("C", "3")])
    #expect(lines.name == "A: 1\r\nB: 2\r\nC" && lines.value == "3")
    #expect(HeaderLines().isEmpty && !lines.isEmpty)
    #expect(HeaderLines([("A", "1")]).name == "A")
  }

  @Test func `have no other line, whatever a value is`() {
    let lines = HeaderLines([("A", "x\r\nEvil: 1\u{0}\u{7F}"), ("B", "\ny")])
    #expect(lines.name == "A: x  Evil: 1  \r\nB" && lines.value == " y")
  }

  @Test func `may have another last value`() {
    #expect(HeaderLines(HeaderLines([("A", "1"), ("B", "")]), last: "7") == HeaderLines([("A", "1"), ("B", "7")]))
  }
}

@Suite("The state of the connection to NATS")
struct LinkStatusTests {
  @Test func `is told in words`() {
    #expect("\(LinkStatus())" == "no connection to NATS")
    #expect("\(LinkStatus(state: .connecting, reason: "nobody there"))" == "no connection to NATS: nobody there")
    #expect("\(LinkStatus(state: .away, reason: "it was lost", reconnects: 3))" == "no connection to NATS: it was lost")
    #expect("\(LinkStatus(state: .connected, server: "nats://h:1"))" == "connected to nats://h:1")
    #expect("\(LinkStatus(state: .connected, server: "nats://h:1", reconnects: 1))" == "connected to nats://h:1, 1 reconnect")
    #expect("\(LinkStatus(state: .connected, reconnects: 2))" == "connected, 2 reconnects")
  }
}

@Suite("Where others say that a user is")
struct WhereaboutsTests {
  private func places(_ text: String) -> [UserPlace]? { Whereabouts.places(ByteBuffer(string: text)) }

  @Test func `is read as a node writes it`() {
    #expect(Whereabouts.answer([7, .max], node: "n%2E1") == "n%2E1 7 18446744073709551615")
    #expect(
      places("n%2E1 7 18446744073709551615") == [
        UserPlace(node: "n.1", connection: 7), UserPlace(node: "n.1", connection: .max),
      ])
    #expect(places("n1") == [])
    #expect(places(Whereabouts.answer(0..<2000, node: "n1"))?.count == Whereabouts.longest)
  }

  @Test(arguments: ["", " ", "n1 ", "n1  7", "n.1 7", "n1 x", "n1 -1", "n1 +1", "n1 18446744073709551616", "%41 7"])
  func `is nothing else`(text: String) { #expect(places(text) == nil) }

  @Test func `has an end`() {
    #expect(places("n1" + String(repeating: " 7", count: 1001)) == nil)
    #expect(places("n1 " + String(repeating: "7", count: 1 << 20)) == nil)
  }
}

@Suite("The token of an answer")
struct AnswerTokenTests {
  private func token(_ subject: String) throws -> Received.Token? {
    // Outside of a connection libnats has not been begun.
    try #require(nats_Open(-1) == NATS_OK)
    var message: OpaquePointer?
    try #require(natsMsg_Create(&message, subject, nil, nil, 0) == NATS_OK)
    return Received(try #require(message)).token(after: "_INBOX.x.")
  }

  @Test func `is the number behind the prefix`() throws {
    #expect(try token("_INBOX.x.0") == .number(0))
    #expect(try token("_INBOX.x.18446744073709551615") == .number(.max))
  }

  @Test(arguments: ["", "x", "-1", "+1", "1.", "1x", "18446744073709551616", "99999999999999999999999", " 1", "1/"])
  func `is nothing else`(text: String) throws {
    #expect(try token("_INBOX.x." + text) == .garbage)
  }

  @Test(arguments: ["zinx.user.u", "_INBOX.y.1", "_INBOX.x", "_"])
  func `is for answers alone`(subject: String) throws { #expect(try token(subject) == nil) }
}
