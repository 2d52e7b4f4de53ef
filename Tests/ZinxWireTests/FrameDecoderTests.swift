import NIOCore
import Testing
import ZinxWire

@Suite("FrameDecoder")
struct FrameDecoderTests {
  static let limit: UInt32 = 20

  private func frame(_ pack: DataPack, id: UInt32 = 7, length: UInt32) -> ByteBuffer {
    pack.encoded(Message(id: id, data: ByteBuffer(repeating: 0x61, count: Int(length))))
  }

  private func header(_ pack: DataPack, id: UInt32 = 7, length: UInt32) -> ByteBuffer {
    withUnsafeBytes(of: FrameHeader(id: id, length: length).rawHeader(pack)) { ByteBuffer(bytes: $0) }
  }

  @Test("nothing at all is no frame and no error", arguments: DataPack.allCases)
  func nothing(_ pack: DataPack) throws {
    var buffer = ByteBuffer()
    let decoder = FrameDecoder(pack, maxPacketSize: Self.limit)
    #expect(decoder.scan(buffer) == .init())
    #expect(decoder.scan(UnsafeRawBufferPointer(start: nil, count: 0)) == .init())
    #expect(try decoder.next(&buffer) == nil)
  }

  @Test(
    "a frame cut at any byte is not whole, stays in the buffer, and tells its size once its header is there",
    arguments: DataPack.allCases)
  func truncated(_ pack: DataPack) throws {
    let decoder = FrameDecoder(pack, maxPacketSize: Self.limit)
    let whole = frame(pack, length: 18)
    for count in 0..<whole.readableBytes {
      var cut = ByteBuffer(bytes: whole.readableBytesView.prefix(count))
      let before = cut
      #expect(decoder.scan(cut) == .init(nextFrame: count < DataPack.headerLength ? 0 : 26), "\(count) bytes")
      #expect(try decoder.next(&cut) == nil, "\(count) bytes")
      #expect(cut == before)
    }
  }

  @Test("behind whole frames, a frame cut at any byte tells its size too", arguments: DataPack.allCases)
  func truncatedAfterWhole(_ pack: DataPack) {
    let decoder = FrameDecoder(pack, maxPacketSize: Self.limit)
    let last = frame(pack, length: 5)
    for count in 0..<last.readableBytes {
      var stream = frame(pack, length: 0)
      stream.writeImmutableBuffer(frame(pack, length: 3))
      stream.writeBytes(last.readableBytesView.prefix(count))
      #expect(
        decoder.scan(stream) == .init(frames: 2, bytes: 19, nextFrame: count < DataPack.headerLength ? 0 : 13), "\(count) bytes")
    }
  }

  @Test("data as long as the limit passes", arguments: DataPack.allCases)
  func atTheLimit(_ pack: DataPack) throws {
    var buffer = frame(pack, length: Self.limit)
    let decoder = FrameDecoder(pack, maxPacketSize: Self.limit)
    #expect(decoder.scan(buffer) == .init(frames: 1, bytes: 28))
    #expect(try decoder.next(&buffer)?.data.readableBytes == 20)
  }

  @Test("one byte more than the limit is refused on the header, which stays in the buffer", arguments: DataPack.allCases)
  func oneOver(_ pack: DataPack) throws {
    try expectOversize(header(pack, length: Self.limit + 1), FrameDecoder(pack, maxPacketSize: Self.limit), length: 21)
  }

  @Test("the longest length a header can name is refused under every other limit", arguments: DataPack.allCases)
  func longest(_ pack: DataPack) throws {
    for limit: UInt32 in [0, 1, 4096, .max - 1] {
      try expectOversize(header(pack, length: .max), FrameDecoder(pack, maxPacketSize: limit), length: .max)
    }
  }

  @Test("without a limit the longest length is a frame that is not whole yet", arguments: DataPack.allCases)
  func longestAllowed(_ pack: DataPack) throws {
    let decoder = FrameDecoder(pack, maxPacketSize: .max)
    var buffer = header(pack, length: .max)
    #expect(decoder.scan(buffer) == .init(nextFrame: 8 + 0xffff_ffff))
    #expect(try decoder.next(&buffer) == nil)
  }

  @Test("the limit 0 lets empty data pass and nothing else", arguments: DataPack.allCases)
  func limitZero(_ pack: DataPack) throws {
    let decoder = FrameDecoder(pack, maxPacketSize: 0)
    var empty = frame(pack, length: 0)
    #expect(try decoder.next(&empty) == Message(id: 7, data: ByteBuffer()))
    try expectOversize(header(pack, length: 1), decoder, length: 1)
  }

  @Test("an oversize header is not judged before its eighth byte", arguments: DataPack.allCases)
  func sevenBytes(_ pack: DataPack) throws {
    let decoder = FrameDecoder(pack, maxPacketSize: Self.limit)
    let whole = header(pack, length: .max)
    for count in 0..<8 {
      var cut = ByteBuffer(bytes: whole.readableBytesView.prefix(count))
      #expect(decoder.scan(cut) == .init())
      #expect(try decoder.next(&cut) == nil)
    }
  }

  @Test("frames in front of an oversize header are found, and the error beside them", arguments: DataPack.allCases)
  func oversizeAfterWhole(_ pack: DataPack) throws {
    let decoder = FrameDecoder(pack, maxPacketSize: Self.limit)
    var stream = frame(pack, id: 1, length: 2)
    stream.writeImmutableBuffer(frame(pack, id: 2, length: 0))
    stream.writeImmutableBuffer(header(pack, id: 3, length: 21))
    stream.writeImmutableBuffer(frame(pack, id: 4, length: 0))
    #expect(decoder.scan(stream) == .init(frames: 2, bytes: 18, error: .oversize(id: 3, length: 21)))
    #expect(try decoder.next(&stream)?.id == 1)
    #expect(try decoder.next(&stream)?.id == 2)
    #expect(throws: WireError.oversize(id: 3, length: 21)) { try decoder.next(&stream) }
    #expect(stream.readableBytes == 16)
  }

  @Test("a scan stops at its limit and looks at nothing behind it", arguments: DataPack.allCases)
  func scanLimit(_ pack: DataPack) {
    let decoder = FrameDecoder(pack, maxPacketSize: Self.limit)
    var stream = ByteBuffer()
    for length: UInt32 in 0..<5 { stream.writeImmutableBuffer(frame(pack, length: length)) }
    let ends = [0, 8, 17, 27, 38, 50]
    for limit in 0...5 { #expect(decoder.scan(stream, limit: limit) == .init(frames: limit, bytes: ends[limit])) }
    stream.writeImmutableBuffer(header(pack, length: 21))
    #expect(decoder.scan(stream, limit: 5) == .init(frames: 5, bytes: 50))
    #expect(decoder.scan(stream, limit: 6) == .init(frames: 5, bytes: 50, error: .oversize(id: 7, length: 21)))
  }

  @Test("a frame may begin at any address", arguments: DataPack.allCases)
  func unaligned(_ pack: DataPack) throws {
    let decoder = FrameDecoder(pack, maxPacketSize: Self.limit)
    for offset in 0..<8 {
      var buffer = ByteBuffer(repeating: 0xff, count: offset)
      buffer.writeImmutableBuffer(frame(pack, length: 18))
      buffer.moveReaderIndex(forwardBy: offset)
      #expect(decoder.scan(buffer) == .init(frames: 1, bytes: 26))
      #expect(try decoder.next(&buffer)?.id == 7)
    }
  }

  @Test("a message keeps its bytes when the buffer it came from is used again")
  func messageIsIndependent() throws {
    let decoder = FrameDecoder(.ltvLittleEndian, maxPacketSize: Self.limit)
    var buffer = frame(.ltvLittleEndian, length: 4)
    let message = try #require(try decoder.next(&buffer))
    buffer.clear()
    buffer.writeRepeatingByte(0xff, count: 64)
    #expect(message.data == ByteBuffer(string: "aaaa"))
  }

  private func expectOversize(
    _ bytes: ByteBuffer, _ decoder: FrameDecoder, length: UInt32, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    var buffer = bytes
    let error = WireError.oversize(id: 7, length: length)
    #expect(decoder.scan(buffer) == .init(error: error), sourceLocation: sourceLocation)
    #expect(throws: error, sourceLocation: sourceLocation) { try decoder.next(&buffer) }
    #expect(buffer == bytes, sourceLocation: sourceLocation)
  }
}
