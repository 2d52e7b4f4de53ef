import NIOCore
import Testing
import ZinxWire

@Suite("Payloads")
struct PayloadTests {
  @Test("text is its UTF-8", arguments: ["", "a", "grüße", "\u{0}", "👩‍👩‍👧"])
  func text(_ text: String) throws {
    var data = try ByteBuffer(encoding: text)
    #expect(Array(data.readableBytesView) == Array(text.utf8))
    #expect(try String(decoding: &data) == text)
    #expect(data.readableBytes == 0)
  }

  @Test("bytes that are no UTF-8 are no text", arguments: [[0xFF], [0x61, 0xC3], [0xED, 0xA0, 0x80]] as [[UInt8]])
  func noText(_ bytes: [UInt8]) {
    var data = ByteBuffer(bytes: bytes)
    #expect(throws: PayloadError.invalid("is no UTF-8")) { try String(decoding: &data) }
  }

  @Test("bytes are themselves, wherever they lie in their buffer")
  func bytes() throws {
    var data = ByteBuffer(string: "..abc")
    data.moveReaderIndex(forwardBy: 2)
    let own = ByteBuffer(decoding: &data)
    #expect(String(buffer: own) == "abc")
    #expect(data.readableBytes == 0)
    #expect(String(buffer: try ByteBuffer(encoding: own)) == "abc")
  }

  @Test("errors say what is wrong with the data")
  func errors() {
    #expect("\(PayloadError.truncated)" == "the data ends before the value does")
    #expect("\(PayloadError.invalid("is no UTF-8"))" == "the data is no UTF-8")
  }

  @Test(
    "numbers are the bytes that ByteBuffer makes of them, in either order, and are read again",
    arguments: [Endianness.little, .big])
  func fields(_ order: Endianness) throws {
    var (data, model) = (ByteBuffer(string: "."), ByteBuffer(string: "."))
    data.writeFields(bytes: 15, endianness: order) {
      $0.put(UInt8(1))
      $0.put(Int16(-2))
      $0.put(UInt32(0x1234_5678))
      $0.put(Int64.min)
    }
    model.writeMultipleIntegers(UInt8(1), Int16(-2), UInt32(0x1234_5678), Int64.min, endianness: order)
    #expect(data == model)
    data.moveReaderIndex(forwardBy: 1)
    data.writeString("rest")
    let read: (UInt8, Int16, UInt32, Int64) = try data.readFields(bytes: 15, endianness: order) {
      ($0.take(), $0.take(), $0.take(), $0.take())
    }
    #expect(read == (1, -2, 0x1234_5678, .min))
    #expect(String(buffer: data) == "rest")
  }

  @Test("fewer bytes than the numbers take are not touched", arguments: [0, 1, 7])
  func tooFew(count: Int) {
    var data = ByteBuffer(repeating: 1, count: count)
    #expect(throws: PayloadError.truncated) { try data.readFields(bytes: 8) { $0.take(UInt64.self) } }
    #expect(data.readableBytes == count)
  }
}
