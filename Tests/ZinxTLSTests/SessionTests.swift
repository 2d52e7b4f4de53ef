import Testing
import ZinxTestKit
import ZinxTLS

@Suite struct SessionTests {
  private func established(_ configuration: TLSConfiguration = .tests(), client: TLSClientConfiguration = .tests()) throws -> Pair
  {
    let pair = try Pair(configuration, client: client)
    let (client, server) = pair.shake()
    try #require(client == .done && server == .done)
    return pair
  }

  @Test(arguments: [1, 2, 7, 100, .max]) func `a handshake may come in pieces of any size`(_ step: Int) throws {
    let pair = try Pair()
    let (client, server) = pair.shake(step: step)
    #expect(client == .done && server == .done)
    #expect(pair.server.rest.isEmpty)
  }

  @Test func `what a handshake has settled is told to both`() throws {
    let pair = try established()
    let info = try #require(pair.server.info)
    #expect(info.version == "TLSv1.3")
    #expect(info.cipher == "TLS_AES_256_GCM_SHA384")
    #expect(info.serverName == "localhost")
    #expect(info.applicationProtocol == nil)
    #expect(info.peerCertificate == nil)
    #expect(pair.client.info?.peerCertificate?.names == ["localhost", "zinx.test", "127.0.0.1", "0:0:0:0:0:0:0:1"])
  }

  @Test(arguments: [1, 3, 1000, .max]) func `what one side seals the other opens, however it is cut`(_ step: Int) throws {
    let pair = try established()
    let message = (0..<40_000).map { UInt8(truncatingIfNeeded: $0) }
    #expect(pair.client.seal(message) == .done)
    var received: [UInt8] = []
    for piece in pair.client.takeOutput().pieces(step) {
      let (bytes, end) = pair.server.open(piece)
      #expect(end == nil)
      received += bytes
    }
    #expect(received == message)
  }

  @Test func `a batch of frames is one record`() throws {
    let pair = try established()
    #expect(pair.server.seal([UInt8](repeating: 1, count: 10_000)) == .done)
    // A header of 5, a byte for the kind, and a tag of 16.
    #expect(pair.server.output.count == 10_000 + 22)
  }

  @Test func `plain bytes have left when the last sealed one has`() throws {
    let pair = try established()
    #expect(pair.server.seal([1, 2, 3]) == .done)
    let count = pair.server.output.count
    #expect(pair.server.sent(count - 1) == 0)
    #expect(pair.server.sent(1) == 3)
    #expect(pair.server.outputMemory == 0)
  }

  @Test func `what comes behind the end of a handshake is kept for whoever goes on`() throws {
    let pair = try Pair()
    var request = Array(pair.client.takeOutput())
    #expect(pair.client.handshake([]) == .waits)
    request += pair.client.takeOutput()
    #expect(pair.server.handshake(request) == .waits)
    #expect(pair.client.handshake(pair.server.takeOutput()) == .done)
    #expect(pair.client.seal(Array("early".utf8)) == .done)
    #expect(pair.server.handshake(pair.client.takeOutput()) == .done)
    #expect(pair.server.open(pair.server.takeRest()).bytes == Array("early".utf8))
    #expect(pair.server.rest.isEmpty)
  }

  @Test func `a side that says that it is done is heard, and may still be answered`() throws {
    let pair = try established()
    #expect(pair.client.seal([1]) == .done)
    pair.client.end()
    let (bytes, end) = pair.server.open(pair.client.takeOutput())
    #expect(bytes == [1])
    #expect(end == .closed)
    #expect(pair.server.seal([2]) == .done)
    pair.server.end()
    pair.server.end()
    let answer = pair.client.open(pair.server.takeOutput())
    #expect(answer.bytes == [2])
    #expect(answer.end == .closed)
  }

  @Test func `where the stream may end is known`() throws {
    let pair = try established()
    #expect(pair.client.seal([UInt8](repeating: 7, count: 100)) == .done)
    let record = pair.client.takeOutput()
    #expect(pair.server.held == 0)
    for (index, byte) in record.dropLast().enumerated() {
      #expect(pair.server.open([byte]).bytes.isEmpty)
      #expect(pair.server.held == index + 1)
    }
    #expect(pair.server.open([record[record.count - 1]]).bytes.count == 100)
    #expect(pair.server.held == 0)
  }

  @Test func `a byte that was changed on the way ends the session`() throws {
    let pair = try established()
    #expect(pair.client.seal([1, 2, 3]) == .done)
    var record = pair.client.takeOutput()
    record[record.count - 1] ^= 1
    let (bytes, end) = pair.server.open(record)
    #expect(bytes.isEmpty)
    #expect(end == .failed(TLSFailure(reason: "decryption failed or bad record mac")))
    // The alert that says so; no farewell after it.
    let alert = pair.server.output.count
    pair.server.end()
    #expect(alert > 0 && pair.server.output.count == alert)
  }

  @Test func `new keys that the peer wants are answered, and a peer that reads no answer is given up`() throws {
    let pair = try established()
    var end: TLSSession.End?
    for _ in 0..<10_000 where end == nil {
      pair.client.askForNewKeys()
      #expect(pair.client.seal([1]) == .done)
      end = pair.server.open(pair.client.takeOutput()).end
    }
    #expect(end == .failed(TLSFailure(reason: "it does not read the answers to its new keys")))
    #expect(pair.server.output.count < 70_000)
  }

  @Test func `new keys again and again without data end the session, whoever sends them`() throws {
    for isServer in [false, true] {
      let pair = try established()
      let (from, to) = isServer ? (pair.server, pair.client) : (pair.client, pair.server)
      // The server has sent a ticket already.
      for _ in 0..<(isServer ? 31 : 32) { from.sendNewKeys() }
      #expect(to.open(from.takeOutput()).end == nil)
      #expect(from.seal([1]) == .done)
      #expect(to.open(from.takeOutput()).bytes == [1])
      for _ in 0..<33 { from.sendNewKeys() }
      let reason = "more than 32 messages of the protocol in a row, and no data between them"
      #expect(to.open(from.takeOutput()).end == .failed(TLSFailure(reason: reason)))
    }
  }

  @Test func `what has come of a record is counted until the rest is there`() throws {
    let pair = try established()
    for _ in 0..<2 { #expect(pair.client.seal([UInt8](repeating: 7, count: 100)) == .done) }
    let records = pair.client.takeOutput()
    _ = pair.server.open(Array(records.prefix(3)))
    #expect(pair.server.held == 3)
    _ = pair.server.open(Array(records.dropFirst(3).prefix(100)))
    #expect(pair.server.held == 103)
    _ = pair.server.open(Array(records.dropFirst(103).prefix(records.count / 2 - 103 + 9)))
    #expect(pair.server.held == 9)
    _ = pair.server.open(Array(records.dropFirst(records.count / 2 + 9)))
    #expect(pair.server.held == 0)
  }

  @Test func `a record whose rest comes with the farewell is whole`() throws {
    let pair = try established()
    #expect(pair.client.seal([UInt8](repeating: 7, count: 100)) == .done)
    pair.client.end()
    let records = pair.client.takeOutput()
    _ = pair.server.open(Array(records.prefix(9)))
    #expect(pair.server.held == 9)
    let (bytes, end) = pair.server.open(Array(records.dropFirst(9)))
    #expect(bytes.count == 100)
    #expect(end == .closed)
    #expect(pair.server.held == 0)
  }
}

@Suite struct HostileHandshakeTests {
  private func server(_ configuration: TLSConfiguration = .tests()) throws -> TLSSession {
    let context = try #require(TLSContext.load(configuration).0)
    return try #require(TLSSession(context))
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "http request"),
    ("\u{4}\0\0\0\0\0\0\0ping", "wrong version number"),
    ("SSH-2.0-OpenSSH_9.2p1\r\n", "wrong version number"),
  ]) func `a peer that does not speak TLS is refused at its first bytes`(_ bytes: String, _ reason: String) throws {
    #expect(try server().handshake(Array(bytes.utf8)) == .failed(TLSFailure(reason: reason)))
  }

  @Test func `every byte of a first message that is cut off is waited for`() throws {
    let pair = try Pair()
    #expect(pair.client.handshake([]) == .waits)
    let hello = pair.client.takeOutput()
    let server = try server()
    for byte in hello.dropLast() { #expect(server.handshake([byte]) == .waits) }
    #expect(server.output.isEmpty)
  }

  @Test func `a first message with any byte changed makes no session`() throws {
    let context = try #require(TLSContext.load(.tests()).0)
    let client = try TLSContext.load(.tests())
    // The record's version means nothing (RFC 8446, 5.1), and is no part of what both sides compare.
    let meaningless = 2
    for index in 0..<(try hello(of: client).1.count) {
      let (client, hello) = try hello(of: client)
      let server = try #require(TLSSession(context))
      var changed = hello
      changed[index] ^= 0xff
      var (serverIs, clientIs) = (server.handshake(changed), TLSSession.Handshake.waits)
      while serverIs == .waits || clientIs == .waits {
        let (answer, word) = (server.takeOutput(), client.takeOutput())
        if answer.isEmpty, word.isEmpty { break }
        if clientIs == .waits, !answer.isEmpty { clientIs = client.handshake(answer) }
        if serverIs == .waits, !word.isEmpty { serverIs = server.handshake(word) }
      }
      #expect((serverIs == .done) == (index == meaningless), "byte \(index)")
    }
  }

  private func hello(of context: TLSContext) throws -> (TLSSession, [UInt8]) {
    let session = try #require(TLSSession(context, host: "localhost"))
    #expect(session.handshake([]) == .waits)
    return (session, session.takeOutput())
  }

  @Test func `a first message without end is refused at the length that it announces`() throws {
    let server = try server()
    // A ClientHello that says that it has 16 MB.
    var outcome = server.handshake([0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff] + [UInt8](repeating: 0, count: 0x4000 - 4))
    for _ in 0..<1000 where outcome == .waits {
      outcome = server.handshake([0x16, 3, 1, 0x40, 0] + [UInt8](repeating: 0, count: 0x4000))
    }
    #expect(outcome == .failed(TLSFailure(reason: "excessive message size")))
  }
}
