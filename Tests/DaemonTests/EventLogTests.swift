import Glibc
import Logging
import Testing
import ZinxIO
import ZinxTestKit
import ZinxWire

@testable import Zinx
@testable import ZinxDaemon

/// Keeps what is logged.
private struct Lines: LogHandler {
  let lines: Recorder<String>
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.info

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let fields = (event.metadata ?? [:]).filter { $0.key != "MESSAGE_ID" }.sorted { $0.key < $1.key }.map {
      " \($0.key)=\($0.value)"
    }
    lines.append("\(event.level) \(event.message)\(fields.joined())")
  }
}

@Suite("The log of a server's events")
struct EventLogTests {
  private let lines = Recorder<String>()
  private let log: EventLog
  private let peer = SocketAddress(sockaddr_storage())

  init() {
    let lines = lines
    log = EventLog(Logger(label: "test") { _ in Lines(lines: lines) })
  }

  @Test("names the reason, and the limit if it is one")
  func reasons() {
    log.take(.connectionRefused(peer, .maxConn, limit: 3, listener: "zinx"))
    log.take(.connectionRefused(peer, .listenerMaxConn, limit: 1, listener: "web"))
    log.take(.connectionRefused(peer, .maxConnPerIP, limit: 2, listener: "zinx"))
    log.take(.connectionRefused(peer, .denied, limit: nil, listener: "zinx"))
    log.take(.connectionRefused(peer, .notAllowed, limit: nil, listener: "zinx"))
    #expect(
      lines.all == [
        "warning connection refused: 3 connections are open, which is the limit (MaxConn) limit=3 listener=zinx peer=unknown refusal=max-conn",
        "warning connection refused: 1 connections of its listener are open, which is the limit (MaxConn of the listener) limit=1 "
          + "listener=web peer=unknown refusal=listener-max-conn",
        "warning connection refused: 2 connections are open from its address, which is the limit (MaxConnPerIP) limit=2 listener=zinx peer=unknown "
          + "refusal=max-conn-per-ip",
        "warning connection refused: its address is in Deny listener=zinx peer=unknown refusal=denied",
        "warning connection refused: its address is not in Allow listener=zinx peer=unknown refusal=not-allowed",
      ])
  }

  @Test("says how many connections are abandoned at the end of a drain")
  func abandoned() {
    log.take(.handlersAbandoned(connections: 3))
    #expect(
      lines.all == [
        "warning 3 connections are abandoned: their handlers go on half a second after they were cancelled count=3"
      ])
  }

  @Test("is rate-limited for each kind alone, and says what was left out")
  func flood() {
    for _ in 0..<100_000 { log.take(.connectionRefused(peer, .denied, limit: nil, listener: "zinx")) }
    // A burst of ten and one a second: this takes no minute.
    #expect(lines.count >= 10 && lines.count < 70)
    log.take(.connectionRefused(peer, .maxConn, limit: 3, listener: "zinx"))
    #expect(lines.all.last?.contains("refusal=max-conn") == true)
    log.reportLeftOut()
    #expect(lines.all.last?.hasSuffix("lines out of the log topic=refused connections (Allow, Deny)") == true)
  }

  /// One without a socket, on a loop that does not run.
  private func connection() throws -> Connection {
    let server = try ServerContext(ServerConfiguration(), RouteRegistrar(), accept: systemAccept) { _ in }
    return Connection(
      id: 7, descriptor: -1, remoteAddress: peer, server: server,
      endpoint: server.context(for: Endpoint(.abstract(name: "test")), ServerConfiguration()),
      context: LoopContext(try ZinxIO.EventLoop(name: "test"), Traffic()),
      at: Instant(nanoseconds: 0))
  }

  @Test("says what could not be decoded and which handler took too long, at a limited rate")
  func failures() throws {
    let connection = try connection()
    log.take(.undecodableMessage(connection, id: 5, UndecodableMessage(String.self, PayloadError.truncated)))
    log.take(.deadlineExceeded(connection, id: 6, .seconds(2)))
    #expect(
      lines.all == [
        "warning message id 5 could not be decoded: the data is no String: the data ends before the value does; "
          + "not told again of this connection connID=7 listener=zinx msgID=5 peer=unknown",
        "warning the handler of message id 6 was cancelled: it was not done within 2.0 seconds; "
          + "not told again of this connection connID=7 listener=zinx msgID=6 peer=unknown",
      ])
    for _ in 0..<10_000 { log.take(.deadlineExceeded(connection, id: 6, .seconds(2))) }
    // A burst of twenty and two a second: this takes no minute.
    #expect(lines.count >= 20 && lines.count < 150)
  }

  @Test("of a rush of connections has the first, and how many others there were")
  func rush() throws {
    let connection = try connection()
    for count in 0..<10_000 {
      log.take(.connectionAdded(connection, live: count))
      log.take(.connectionEnded(connection, .peerClosed, live: count, fault: nil))
    }
    // A burst of two hundred and fifty a second: this takes no minute.
    #expect(lines.count >= 200 && lines.count < 3000)
    #expect(lines.all.first == "info connection added, conn num = 0 connID=7 listener=zinx peer=unknown")
    log.reportLeftOut()
    #expect(lines.all.last?.hasSuffix("lines out of the log topic=starts and ends of connections") == true)
  }

  @Test("names the codec whose frame was wrong, or that was wrong about one")
  func codec() throws {
    let connection = try connection()
    for error in [.badFrame("a length of 0"), .contradiction, .oversizeFrame(length: 9)] as [WireError] {
      log.take(
        .connectionEnded(
          connection, CloseReason(error), live: 0,
          fault: WireFault(header: nil, maxPacketSize: 8, error: error, codec: "station")))
    }
    let texts = lines.all.map { line in line.firstRange(of: " closeReason").map { String(line[..<$0.lowerBound]) } ?? line }
    #expect(
      texts == [
        "info connection ended: bad-frame, conn num = 0: a length of 0 (codec station)",
        "info connection ended: bad-frame, conn num = 0: no frame where its codec has found one before (codec station)",
        "info connection ended: oversize, conn num = 0: a frame of 9 bytes, MaxPacketSize is 8 (codec station)",
      ])
  }

  @Test("names the user of a connection once it has one, to its end")
  func user() throws {
    let connection = try connection()
    log.take(.connectionAdded(connection, live: 1))
    try connection.bind(user: "u42")
    log.take(.unknownMessage(connection, id: 5, length: 0, looksLike: nil))
    connection.endMembership()
    log.take(.connectionEnded(connection, .replaced, live: 0, fault: nil))
    #expect(
      lines.all == [
        "info connection added, conn num = 1 connID=7 listener=zinx peer=unknown",
        "warning no route for message id 5, dropped connID=7 length=0 listener=zinx msgID=5 peer=unknown user=u42",
        "info connection ended: replaced, conn num = 0 closeReason=replaced connID=7 listener=zinx peer=unknown user=u42",
      ])
  }

  @Test(
    "has what a plugin says of a connection in each line of it, beside what is the log's own, and the words of who stopped it")
  func notes() throws {
    let connection = try connection()
    connection.logMetadata = ["room": "lobby", "peer": "somebody else"]
    log.take(.unknownMessage(connection, id: 5, length: 0, looksLike: nil))
    connection.stop(reason: "kicked")
    log.take(.connectionEnded(connection, .stopped, live: 0, fault: nil))
    #expect(
      lines.all == [
        "warning no route for message id 5, dropped connID=7 length=0 listener=zinx msgID=5 peer=unknown room=lobby",
        "info connection ended: stopped (kicked), conn num = 0 closeReason=stopped connID=7 listener=zinx peer=unknown room=lobby",
      ])
  }

  @Test("tells what failed of what a plugin does by itself, and what of it did not end")
  func plugins() {
    log.take(.pluginTaskFailed(plugin: "clock", ZinxError.connectionClosed))
    log.take(.pluginTasksAbandoned(plugin: "clock", count: 2))
    #expect(
      lines.all == [
        "error plugin clock: what it does beside its requests failed: the connection has ended plugin=clock",
        "warning plugin clock: 2 of its tasks are abandoned: they go on although they were cancelled count=2 plugin=clock",
      ])
  }

  @Test("tells of a reached AcceptRate with the number")
  func rate() {
    log.take(.acceptRateReached(perSecond: 5))
    #expect(lines.all == ["warning more connections come than 5 a second (AcceptRate): they wait in the backlog limit=5"])
  }

  @Test("of a lowered MaxConn names both numbers and what to do")
  func lowered() {
    log.take(.maxConnLowered(configured: 12000, effective: 960))
    #expect(
      lines.all == [
        "warning MaxConn is 12000, but the limit of open files leaves room for 960: raise LimitNOFILE=, or lower MaxConn or "
          + "ReservedDescriptors"
      ])
  }

  @Test("tells how many messages to many were skipped: at once, then every ten seconds while there are more")
  func skipped() {
    let second: Int64 = 1_000_000_000
    let told: [(total: UInt64, at: Int64)] = [(0, 0), (3, 1), (3, 2), (5, 10), (8, 11), (8, 30), (9, 31), (9, 99)]
    for (total, at) in told { log.reportSkipped(total, at: Instant(nanoseconds: at * second)) }
    let reason = "peers whose queue was full (MaxMsgChanLen, MaxConnQueueBytes)"
    #expect(
      lines.all == [
        "warning skipped 3 messages to \(reason) count=3", "warning skipped 5 messages to \(reason) count=5",
        "warning skipped 1 messages to \(reason) count=1",
      ])
  }

  @Test("tells the same of messages that are no frames of their peers, each kind by itself")
  func unencodable() {
    for second: Int64 in [0, 1, 10] {
      log.reportUnencodable(UInt64(second) + 2, at: Instant(nanoseconds: second * 1_000_000_000))
      log.reportSkipped(UInt64(second), at: Instant(nanoseconds: second * 1_000_000_000))
    }
    #expect(
      lines.all == [
        "warning skipped 2 messages to peers whose frames cannot carry them (DataPack) count=2",
        "warning skipped 1 messages to peers whose queue was full (MaxMsgChanLen, MaxConnQueueBytes) count=1",
        "warning skipped 10 messages to peers whose frames cannot carry them (DataPack) count=10",
      ])
  }

  @Test("says in words what a handler could not do")
  func words() throws {
    let connection = try connection()
    log.take(.handlerFailed(connection, id: 7, ZinxError.unencodable(reason: "the data holds the delimiter")))
    log.take(.handlerFailed(connection, id: 7, ZinxError.userIsBound("a\u{1b}[31m")))
    #expect(
      lines.all == [
        "error handler of message id 7 failed: what was to be sent is no frame (DataPack): the data holds the delimiter "
          + "connID=7 listener=zinx msgID=7 peer=unknown",
        #"error handler of message id 7 failed: the user "a\u001b[31m" has a connection already connID=7 listener=zinx msgID=7 peer=unknown"#,
      ])
  }

  @Test("is not filled by a shortage that comes and goes, and its last word is how it stands")
  func rests() {
    for _ in 0..<1000 {
      log.take(.acceptPaused(reason: "Too many open files"))
      log.take(.acceptResumed)
    }
    #expect(lines.all.prefix(2) == ["warning accepting rests: Too many open files", "notice accepting again"])
    // Ten of each, and one more of each for a second that this may take.
    #expect((20...40).contains(lines.count))
    #expect(lines.all.last == "notice accepting again")
    log.reportLeftOut()
    #expect(lines.all.last?.contains("lines out of the log") == true)
  }
}
