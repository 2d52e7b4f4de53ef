import Testing
import ZinxTestKit

@testable import ZinxTLS

/// The bytes of `piece` go in; whether a session can do something with what there is.
private func take(_ piece: [UInt8], _ record: inout FirstRecord) -> Bool { piece.withUnsafeBytes { record.take($0) } }

@Suite("The first record of a client")
struct FirstRecordTests {
  @Test(arguments: [1, 2, 5, 100, .max]) func `is waited for until it is whole, in whatever pieces it comes`(_ step: Int) throws {
    let pair = try Pair()
    _ = pair.client.handshake([])
    let hello = pair.client.takeOutput()
    var record = FirstRecord()
    let answers = hello.pieces(step).map { take($0, &record) }
    #expect(answers.dropLast().allSatisfy { !$0 } && answers.last == true)
    #expect(record.takeBytes() == hello)
    #expect(record.bytes.isEmpty)
  }

  @Test func `is whole although more comes behind it`() {
    var record = FirstRecord()
    let bytes: [UInt8] = [22, 3, 1, 0, 2, 1, 2, 3]
    #expect(take(bytes, &record))
    #expect(record.bytes == bytes)
  }

  @Test func `is not waited for when the first byte is none of a handshake, or the length none of a record`() {
    var (strange, long, cut) = (FirstRecord(), FirstRecord(), FirstRecord())
    #expect(take([UInt8(ascii: "G")], &strange))
    #expect(take([22, 3, 1, 0xff, 0xff], &long))
    #expect(!take([22, 3, 1, 0x41], &cut))
    #expect(!take([], &cut))
  }
}
