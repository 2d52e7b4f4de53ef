import NIOCore
import Testing
import ZinxWire

@Suite("Golden frames")
struct GoldenFrameTests {
  @Test("every order has its twelve frames")
  func complete() {
    for pack in DataPack.allCases { #expect(GoldenFrame.all.count { $0.pack == pack } == 12) }
  }

  @Test("a message is encoded to the golden bytes", arguments: GoldenFrame.all)
  func encode(_ golden: GoldenFrame) {
    #expect(golden.pack.encoded(golden.message) == golden.bytes)
  }

  @Test("the golden bytes are decoded to the message", arguments: GoldenFrame.all)
  func decode(_ golden: GoldenFrame) throws {
    let decoder = FrameDecoder(golden.pack, maxPacketSize: 4096)
    var buffer = golden.bytes
    #expect(decoder.scan(buffer) == .init(frames: 1, bytes: golden.bytes.readableBytes))
    #expect(try decoder.next(&buffer) == golden.message)
    #expect(buffer.readableBytes == 0)
  }

  @Test("byte by byte, a golden frame is a message with its last byte and not before", arguments: GoldenFrame.all)
  func byteByByte(_ golden: GoldenFrame) {
    var receiver = Receiver(FrameDecoder(golden.pack, maxPacketSize: 4096))
    for byte in golden.bytes.readableBytesView.dropLast() {
      receiver.receive(ByteBuffer(bytes: [byte]))
      #expect(receiver.messages.isEmpty)
    }
    receiver.receive(ByteBuffer(bytes: golden.bytes.readableBytesView.suffix(1)))
    #expect(receiver.messages == [golden.message])
  }

  @Test("all golden frames of an order, glued together, are decoded one after the other", arguments: DataPack.allCases)
  func glued(_ pack: DataPack) {
    let frames = GoldenFrame.all.filter { $0.pack == pack }
    var stream = ByteBuffer()
    for frame in frames { stream.writeImmutableBuffer(frame.bytes) }
    var receiver = Receiver(FrameDecoder(pack, maxPacketSize: 300))
    #expect(receiver.decoder.scan(stream) == .init(frames: 12, bytes: stream.readableBytes))
    receiver.receive(stream)
    #expect(receiver.messages == frames.map(\.message))
    #expect(receiver.rest.readableBytes == 0)
  }

  @Test(
    "the header of id 2 and 18 bytes of data is what the contract says",
    arguments: [
      (DataPack.ltvLittleEndian, "12000000 02000000"), (.tlvBigEndian, "00000002 00000012"),
      (.tlvLittleEndian, "02000000 12000000"),
    ])
  func contract(_ pack: DataPack, _ header: String) {
    var expected = ByteBuffer(hex: header)
    expected.writeImmutableBuffer(GoldenFrame.ping)
    #expect(pack.encoded(Message(id: 2, data: GoldenFrame.ping)) == expected)
  }
}
