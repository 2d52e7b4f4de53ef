import NIOCore
import Testing
import ZinxTestKit
import ZinxWire

@Suite("Frames that end with a delimiter")
struct LineFramesTests {
  private static func lines(_ delimiter: String) -> Framing {
    do throws(FramingError) { return .lines(try LineFrames(delimiter: delimiter.utf8, id: 7)) } catch { fatalError("\(error)") }
  }

  private static func messages(_ lines: [String]) -> [Message] { lines.map { Message(id: 7, data: ByteBuffer(string: $0)) } }

  @Test("the golden line is its text, and is sent as it came")
  func golden() throws {
    let golden = try #require(GoldenForeignFrame.all("line").first)
    let message = Message(id: golden.id, data: ByteBuffer(string: "hello"))
    #expect(try ForeignReceiver.whole(Self.lines("\r\n"), maxPacketSize: 4096, golden.bytes).messages == [message])
    #expect(try Self.lines("\r\n").encoded(message) == ByteBuffer(bytes: golden.bytes))
  }

  @Test(
    "lines are cut at each delimiter, however the stream is cut",
    arguments: [
      ("\n", "a\n\nbc\nrest", ["a", "", "bc"]), ("\r\n", "a\r\r\n\r\nb\rc\r\n\r", ["a\r", "", "b\rc"]),
      ("aab", "aaabaabxaab", ["a", "", "x"]), ("--------", "1--------2---------3-", ["1", "2"]),
    ])
  func splits(delimiter: String, stream: String, expected: [String]) throws {
    let bytes = Array(stream.utf8)
    let whole = try ForeignReceiver.whole(Self.lines(delimiter), maxPacketSize: 100, bytes)
    #expect(whole.messages == Self.messages(expected) && whole.error == nil)
    for first in 0...bytes.count {
      for second in first...bytes.count { try whole.expectSame(bytes, cutAt: [first, second], "\(stream)") }
    }
    try whole.expectSame(bytes, cutAt: Array(1..<bytes.count), "\(stream)")
  }

  @Test("a line has its delimiter within the limit, or none that is looked for", arguments: ["\n", "\r\n", "--------"])
  func limit(delimiter: String) throws {
    let exact = Array("12345".utf8) + Array(delimiter.utf8)
    let limit = UInt32(exact.count)
    for (bytes, error) in [(exact, nil), ([UInt8(ascii: "0")] + exact, .oversizeFrame(length: nil))] as [([UInt8], WireError?)] {
      let whole = try ForeignReceiver.whole(Self.lines(delimiter), maxPacketSize: limit, bytes)
      #expect(whole.error == error && whole.messages.count == (error == nil ? 1 : 0))
      for cut in 0...bytes.count { try whole.expectSame(bytes, cutAt: [cut], "\(bytes)") }
      try whole.expectSame(bytes, cutAt: Array(1..<bytes.count), "\(bytes)")
    }
  }

  @Test("bytes that were searched are not searched again")
  func searched() throws {
    let framing = Self.lines("\r\n")
    let bytes = Array("abc\r".utf8)
    let scan = bytes.withUnsafeBytes { framing.scan($0, maxPacketSize: 100) }
    #expect(scan.searched == 3 && scan.frames == 0)
    // What is in front would be found otherwise.
    let more = Array("\r\nc\r\n".utf8)
    let next = more.withUnsafeBytes { framing.scan($0, maxPacketSize: 100, searched: 3) }
    #expect(next.frames == 1 && next.bytes == 5)
  }

  @Test(
    "data that holds the delimiter, or makes one with it that ends earlier, is not sent", arguments: ["\r\n", "a\r\nb", "\r\n\r"])
  func unencodable(data: String) throws {
    #expect(throws: FramingError("the data holds the delimiter")) {
      try Self.lines("\r\n").encoded(Message(id: 7, data: ByteBuffer(string: data)))
    }
    #expect(throws: FramingError("the data holds the delimiter")) {
      try Self.lines("\r\r").encoded(Message(id: 7, data: ByteBuffer(string: "x\r")))
    }
  }

  @Test("what is sent comes back the same", arguments: ["", "a", "\r", "a\r\rb", "\n\r"])
  func roundTrip(data: String) throws {
    let message = Message(id: 7, data: ByteBuffer(string: data))
    let sent = try Self.lines("\r\n").encoded(message)
    #expect(
      try ForeignReceiver.whole(Self.lines("\r\n"), maxPacketSize: 100, Array(sent.readableBytesView)).messages == [message])
  }

  @Test("a delimiter has 1 to 16 bytes", arguments: 0...20)
  func delimiters(count: Int) {
    let delimiter = [UInt8](repeating: 1, count: count)
    let lines = try? LineFrames(delimiter: delimiter, id: 1)
    #expect((lines != nil) == (1...16).contains(count))
  }
}
