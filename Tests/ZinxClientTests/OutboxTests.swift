import NIOCore
import Testing
import ZinxIO

@testable import ZinxClient

@Suite("The frames that a client has to send")
struct OutboxTests {
  private var outbox = Outbox()
  /// What the kernel took, write by write.
  private var writes: [String] = []

  private mutating func append(_ texts: String...) {
    for text in texts { append(text, UInt64(text.utf8.first ?? 0)) }
  }

  private mutating func append(_ text: String, _ ticket: UInt64) { outbox.append(ByteBuffer(string: text), ticket, sent: nil) }

  private func ticket(_ text: String) -> UInt64 { UInt64(text.utf8.first ?? 0) }

  /// Lets the kernel take so many bytes at most.
  private mutating func write(upTo limit: Int = .max) {
    _ = outbox.write { bytes in
      let taken = bytes.readString(length: min(limit, bytes.readableBytes)) ?? ""
      writes.append(taken)
      return .bytes(taken.utf8.count)
    }
  }

  @Test("leave in one write, in order")
  mutating func together() {
    append("aaa", "bb", "c")
    write()
    #expect(writes == ["aaabbc"])
    #expect(outbox.isEmpty)
  }

  @Test("go on where the kernel stopped, at any byte", arguments: 1...8)
  mutating func parts(limit: Int) {
    append("aaa", "bb", "c", "ddd")
    while !outbox.isEmpty { write(upTo: limit) }
    #expect(writes.joined() == "aaabbcddd")
    #expect(writes.count == (9 + limit - 1) / limit)
  }

  @Test("are taken back as long as none of their bytes has left")
  mutating func givenUp() {
    append("aaa", "bbb", "ccc", "ddd")
    write(upTo: 4)
    let isWithdrawn = ["a", "b", "c"].map { outbox.giveUp(ticket($0)).isWithdrawn }
    #expect(isWithdrawn == [false, false, true])
    #expect(outbox.giveUp(ticket("c")).isWithdrawn == false, "once")
    write()
    #expect(writes.joined() == "aaabbbddd")
  }

  @Test mutating func `are not taken back once they are on their way in another form, and come again until they have left`() {
    append("aaa", "bbb", "ccc")
    _ = outbox.write { bytes in .staged(bytes.readableBytes - 4) }
    append("ddd")
    #expect(["a", "b", "c", "d"].map { outbox.giveUp(ticket($0)).isWithdrawn } == [false, false, true, true])
    append("eee")
    write(upTo: 5)
    write()
    #expect(writes.joined() == "aaabbbeee")
    append("f")
    _ = outbox.write { _ in .staged(1) }
    #expect(!outbox.giveUp(ticket("f")).isWithdrawn && !outbox.isEmpty)
    write()
    #expect(writes.joined() == "aaabbbeeef" && outbox.isEmpty)
  }

  @Test("leave nothing when all are taken back")
  mutating func allGivenUp() {
    append("a", "b", "c")
    for text in ["b", "a", "c"] { #expect(outbox.giveUp(ticket(text)).isWithdrawn) }
    #expect(outbox.isEmpty)
    append("d")
    write()
    #expect(writes == ["d"])
  }

  @Test("leave in order though most of many are taken back")
  mutating func manyGivenUp() {
    for ticket in 1...10_000 as ClosedRange<UInt64> { append("\(ticket) ", ticket) }
    write(upTo: 1)
    for ticket in 2...10_000 as ClosedRange<UInt64> where ticket % 100 != 0 { #expect(outbox.giveUp(ticket).isWithdrawn) }
    while !outbox.isEmpty { write() }
    #expect(writes.joined() == "1 " + (1...100).map { "\($0)00 " }.joined())
  }

  @Test("of which one is large leave without copies of it, in order")
  mutating func large() {
    let large = String(repeating: "L", count: 1 << 20)
    append("a", "b")
    append(large, 1000)
    append("c", 1001)
    while !outbox.isEmpty { write() }
    #expect(writes.joined() == "ab" + large + "c")
    #expect(writes.count <= 3)
  }
}

@Suite("The bytes that a client has received")
struct InboundTests {
  @Test("take no more memory than what is unfinished needs, however long no read ends with a message")
  func bounded() throws {
    var inbound = Inbound()
    // Frames of 1000 bytes, read 1500 bytes at a time.
    var sent = 0
    for _ in 0..<10_000 {
      inbound.buffer.writeRepeatingByte(0, count: 1500)
      sent += 1500
      while inbound.buffer.readableBytes >= 1000 { inbound.buffer.moveReaderIndex(forwardBy: 1000) }
      inbound.tidy()
      if inbound.buffer.readableBytes == 0 { inbound.buffer.writeRepeatingByte(0, count: 1) }
    }
    #expect(inbound.buffer.storageCapacity < 64 << 10)
  }
}
