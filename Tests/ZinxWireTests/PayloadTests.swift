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
}
