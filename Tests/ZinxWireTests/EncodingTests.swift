import NIOCore
import Testing
import ZinxWire

@Suite("Encoding")
struct EncodingTests {
  @Test("a frame is appended to what the buffer holds already", arguments: GoldenFrame.all)
  func appended(_ golden: GoldenFrame) {
    var buffer = ByteBuffer(string: "before")
    buffer.moveReaderIndex(forwardBy: 3)
    golden.pack.encode(id: golden.message.id, data: golden.message.data, into: &buffer)
    golden.pack.encode(id: golden.message.id, data: golden.message.data, into: &buffer)
    #expect(buffer.readSlice(length: 3) == ByteBuffer(string: "ore"))
    #expect(buffer.readSlice(length: golden.bytes.readableBytes) == golden.bytes)
    #expect(buffer == golden.bytes)
  }

  @Test("only the readable bytes of the data are sent", arguments: DataPack.allCases)
  func slice(_ pack: DataPack) throws {
    var data = ByteBuffer(string: "<<<payload>>>")
    data.moveReaderIndex(forwardBy: 3)
    data.moveWriterIndex(to: data.writerIndex - 3)
    let slice = try #require(ByteBuffer(string: "[payload]").getSlice(at: 1, length: 7))
    let plain = pack.encoded(Message(id: 3, data: ByteBuffer(string: "payload")))
    #expect(pack.encoded(Message(id: 3, data: data)) == plain)
    #expect(pack.encoded(Message(id: 3, data: slice)) == plain)
  }

  @Test("empty data is a header alone, wherever the nothing lies", arguments: DataPack.allCases)
  func empty(_ pack: DataPack) {
    var buffer = ByteBuffer()
    pack.encode(id: 9, data: ByteBuffer(), into: &buffer)
    #expect(buffer.readableBytes == DataPack.headerLength)
    var other = ByteBuffer()
    pack.encode(id: 9, data: UnsafeRawBufferPointer(start: nil, count: 0), into: &other)
    #expect(other == buffer)
    #expect(FrameDecoder(pack, maxPacketSize: 0).scan(buffer) == .init(frames: 1, bytes: 8))
  }

  @Test("bytes of any memory are encoded as a buffer's are", arguments: DataPack.allCases)
  func raw(_ pack: DataPack) {
    let bytes: [UInt8] = [1, 2, 3]
    var buffer = ByteBuffer()
    bytes.withUnsafeBytes { pack.encode(id: 9, data: $0, into: &buffer) }
    #expect(buffer == pack.encoded(Message(id: 9, data: ByteBuffer(bytes: bytes))))
  }

  @Test("a buffer's own bytes can be the data of a frame behind them", arguments: DataPack.allCases)
  func ownBytes(_ pack: DataPack) {
    var buffer = ByteBuffer(string: "twice")
    pack.encode(id: 1, data: buffer, into: &buffer)
    var expected = ByteBuffer(string: "twice")
    expected.writeImmutableBuffer(pack.encoded(Message(id: 1, data: ByteBuffer(string: "twice"))))
    #expect(buffer == expected)
  }

  @Test("encoding does not change the data, nor another copy of the buffer", arguments: DataPack.allCases)
  func noSideEffect(_ pack: DataPack) {
    let data = ByteBuffer(string: "data")
    var buffer = ByteBuffer(string: "head")
    let copy = buffer
    pack.encode(id: 1, data: data, into: &buffer)
    #expect(data == ByteBuffer(string: "data"))
    #expect(copy == ByteBuffer(string: "head"))
  }

  @Test("a frame of its own has no room to spare and none too little", arguments: DataPack.allCases)
  func ownBuffer(_ pack: DataPack) {
    let message = Message(id: 1, data: ByteBuffer(repeating: 1, count: 1016))
    #expect(pack.encoded(message).capacity == 1024)
  }

  @Test("what is encoded decodes to the same message, up to large data", arguments: DataPack.allCases)
  func roundTrip(_ pack: DataPack) throws {
    for length in [0, 1, 7, 8, 9, 255, 256, 65535, 65536, 1 << 20] {
      let message = Message(id: UInt32(length) &* 2_654_435_761, data: ByteBuffer(repeating: UInt8(length & 0xff), count: length))
      var buffer = pack.encoded(message)
      #expect(try FrameDecoder(pack, maxPacketSize: UInt32(length)).next(&buffer) == message)
      #expect(buffer.readableBytes == 0)
    }
  }
}
