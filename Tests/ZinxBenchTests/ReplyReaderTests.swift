import Testing
import ZinxTestKit
import ZinxWire

@testable import zinx_bench

/// A frame as it is on the wire.
func frame(_ id: UInt32, _ data: [UInt8], _ pack: DataPack = .ltvLittleEndian) -> [UInt8] {
  withUnsafeBytes(of: FrameHeader(id: id, length: UInt32(data.count)).rawHeader(pack)) { Array($0) } + data
}

func plan(_ change: (inout Plan) -> Void = { _ in }) -> Plan {
  var plan = Plan()
  change(&plan)
  return plan
}

@Suite("Replies in a stream")
struct ReplyReaderTests {
  private func expectation(_ change: (inout Plan) -> Void = { _ in }) -> ExpectedReply {
    let plan = plan(change)
    return ExpectedReply(plan, Payload(size: plan.size, isTagged: plan.verifies))
  }

  /// Reads `bytes` in pieces of `piece` and adds up what was found.
  private func read(_ bytes: [UInt8], piece: Int = .max, connection: Int = 0, _ expected: ExpectedReply) -> ReplyReader.Found {
    var reader = ReplyReader(connection: connection)
    var total = ReplyReader.Found()
    var rest = bytes[...]
    while !rest.isEmpty, !total.isNonsense {
      let found = Array(rest.prefix(piece)).withUnsafeBytes { reader.read($0, expected) }
      total.replies += found.replies
      total.bytes += found.bytes
      total.wrongSize += found.wrongSize
      total.wrongData += found.wrongData
      total.others += found.others
      total.isNonsense = found.isNonsense
      rest = rest.dropFirst(piece)
    }
    return total
  }

  private let stream =
    frame(2, Array("DoConnection BEGIN...".utf8)) + frame(3, [1, 2, 3, 4]) + frame(3, [5, 6, 7, 8]) + frame(9, [])
    + frame(3, [9, 0, 1, 2])

  @Test("are counted apart from other messages, however the bytes are cut", arguments: [1, 2, 3, 7, 8, 9, 12, 13, 29, 1000])
  func pieces(_ piece: Int) {
    let found = read(stream, piece: piece, expectation { $0.replySize = 4 })
    #expect(found == .init(replies: 3, bytes: 36, others: 2))
  }

  @Test("are found in every order of the header", arguments: DataPack.allCases, [1, 5, 100])
  func packs(_ pack: DataPack, _ piece: Int) {
    let bytes = frame(3, [1, 2], pack) + frame(7, [0], pack) + frame(3, [3, 4], pack)
    let found = read(bytes, piece: piece, expectation { ($0.pack, $0.replySize) = (pack, 2) })
    #expect(found == .init(replies: 2, bytes: 20, others: 1))
  }

  @Test("without data are replies", arguments: [1, 8, 11])
  func empty(_ piece: Int) {
    let found = read(frame(3, []) + frame(3, []), piece: piece, expectation { ($0.size, $0.replySize) = (0, 0) })
    #expect(found == .init(replies: 2, bytes: 16))
  }

  @Test("of another size are errors, but answer a request", arguments: [1, 100])
  func wrongSize(_ piece: Int) {
    let found = read(frame(3, [1]) + frame(3, [1, 2, 3, 4]), piece: piece, expectation { $0.replySize = 4 })
    #expect(found == .init(replies: 2, bytes: 21, wrongSize: 1))
  }

  @Test("may have any size when none is expected")
  func anySize() {
    let found = read(frame(3, []) + frame(3, [1, 2, 3]), expectation { $0.replySize = nil })
    #expect(found == .init(replies: 2, bytes: 19))
  }

  @Test("have the id that was asked for")
  func replyID() {
    let found = read(frame(3, [1]) + frame(4, [1]), expectation { ($0.replyID, $0.replySize) = (4, 1) })
    #expect(found == .init(replies: 1, bytes: 9, others: 1))
  }

  @Test("cannot be read from a stream whose length is impossible", arguments: [1, 100])
  func nonsense(_ piece: Int) {
    let found = read(frame(3, [1]) + [255, 255, 255, 255, 3, 0, 0, 0, 1], piece: piece, expectation { $0.replySize = 1 })
    #expect(found == .init(replies: 1, bytes: 9, isNonsense: true))
  }
}

@Suite("Verified replies")
struct VerificationTests {
  private let plan = ZinxBenchTests.plan { ($0.size, $0.replySize, $0.verifies) = (20, 20, true) }
  private func data(connection: Int, sequence: Int) -> [UInt8] {
    var template = RequestTemplate(plan, Payload(size: plan.size, isTagged: true))
    template.tag(sequence..<sequence + 1, connection: connection)
    return Array(template.bytes[8..<8 + plan.size])
  }

  private func wrong(_ bytes: [UInt8], piece: Int, connection: Int = 5) -> Int {
    let expected = ExpectedReply(plan, Payload(size: plan.size, isTagged: true))
    var reader = ReplyReader(connection: connection)
    return stride(from: 0, to: bytes.count, by: piece).reduce(0) { wrong, start in
      wrong + Array(bytes[start...].prefix(piece)).withUnsafeBytes { reader.read($0, expected).wrongData }
    }
  }

  @Test("bring back what was sent", arguments: [1, 3, 8, 17, 1000])
  func right(_ piece: Int) {
    let bytes = (0..<4).flatMap { frame(3, data(connection: 5, sequence: $0)) }
    #expect(wrong(bytes, piece: piece) == 0)
  }

  @Test("with one other byte are noticed, wherever it is", arguments: 0..<20, [1, 6, 1000])
  func otherByte(_ position: Int, _ piece: Int) {
    var bytes = (0..<3).flatMap { frame(3, data(connection: 5, sequence: $0)) }
    bytes[28 + 8 + position] ^= 0x10
    #expect(wrong(bytes, piece: piece) == 1)
  }

  @Test("in another order are noticed")
  func order() {
    let bytes = [0, 2, 1, 3].flatMap { frame(3, data(connection: 5, sequence: $0)) }
    #expect(wrong(bytes, piece: 1000) == 2)
  }

  @Test("to another connection's request are noticed")
  func otherConnection() {
    #expect(wrong(frame(3, data(connection: 6, sequence: 0)), piece: 1000) == 1)
  }

  @Test("that are too short for a tag are compared all the same")
  func short() {
    let short = ZinxBenchTests.plan { ($0.size, $0.replySize, $0.verifies) = (4, 4, true) }
    let payload = Payload(size: 4, isTagged: true)
    #expect(!payload.isTagged)
    let expected = ExpectedReply(short, payload)
    var reader = ReplyReader(connection: 0)
    let bytes = frame(3, payload.bytes) + frame(3, [0, 0, 0, 0])
    #expect(bytes.withUnsafeBytes { reader.read($0, expected) } == .init(replies: 2, bytes: 24, wrongData: 1))
  }
}

@Suite("Requests ready to be written")
struct RequestTemplateTests {
  @Test("are whole frames, as many as may be outstanding", arguments: DataPack.allCases)
  func frames(_ pack: DataPack) {
    let plan = plan { ($0.pack, $0.size, $0.inFlight, $0.id) = (pack, 3, 2, 258) }
    let template = RequestTemplate(plan, Payload(size: 3, isTagged: false))
    #expect(template.count == 2)
    #expect(template.bytes == frame(258, [3, 10, 17], pack) + frame(258, [3, 10, 17], pack))
  }

  @Test("take a bounded piece of memory, but always hold one")
  func bounds() {
    let many = plan { ($0.size, $0.inFlight) = (1016, 65_536) }
    #expect(RequestTemplate(many, Payload(size: 1016, isTagged: false)).count == 256)
    let large = plan { ($0.size, $0.inFlight) = (1 << 20, 4) }
    #expect(RequestTemplate(large, Payload(size: 1 << 20, isTagged: false)).count == 1)
  }

  @Test("differ by connection and number when they are to be told apart")
  func tags() {
    let plan = plan { ($0.size, $0.inFlight, $0.verifies) = (8, 2, true) }
    var template = RequestTemplate(plan, Payload(size: 8, isTagged: true))
    template.tag(7..<9, connection: 1)
    #expect(Array(template.bytes[8..<16]) == [7, 0, 0, 0, 0, 1, 0, 0])
    #expect(Array(template.bytes[24..<32]) == [8, 0, 0, 0, 0, 1, 0, 0])
  }
}
