import NIOCore
import Testing
import ZinxTestKit
import ZinxWire

/// However a stream is cut into reads, it decodes as the whole does.
@Suite("Splits of a stream")
struct StreamSplitTests {
  /// Three messages, one of them empty, and the beginning of a fourth.
  private func shortStream(_ pack: DataPack, endingIn tail: [UInt8]) -> ByteBuffer {
    var stream = pack.encoded(Message(id: .max, data: ByteBuffer(string: "abc")))
    pack.encode(id: 0, data: ByteBuffer(), into: &stream)
    pack.encode(id: 0x0102_0304, data: ByteBuffer(string: "0123456789"), into: &stream)
    stream.writeBytes(tail)
    return stream
  }

  private func chunks(_ stream: ByteBuffer, cutAt cuts: [Int]) -> [ByteBuffer] {
    let bytes = Array(stream.readableBytesView)
    let ends = cuts + [bytes.count]
    return zip([0] + cuts, ends).map { ByteBuffer(bytes: bytes[$0..<$1]) }
  }

  private func expectSame(_ decoder: FrameDecoder, _ stream: ByteBuffer, cutAt cuts: [Int], as whole: Receiver) throws {
    var oneByOne = Receiver(decoder)
    var inBatches = Receiver(decoder)
    for chunk in chunks(stream, cutAt: cuts) {
      oneByOne.receive(chunk)
      try inBatches.receive(chunk, batchesOf: 2)
    }
    #expect(oneByOne == whole, "\(decoder.pack.rawValue) cut at \(cuts)")
    #expect(inBatches.messages == whole.messages && inBatches.error == whole.error, "\(decoder.pack.rawValue) cut at \(cuts)")
  }

  @Test("every way to cut a short stream into three reads", arguments: DataPack.allCases)
  func everyThreeReads(_ pack: DataPack) throws {
    let decoder = FrameDecoder(pack, maxPacketSize: 10)
    let stream = shortStream(pack, endingIn: [1, 0, 0])
    var whole = Receiver(decoder)
    whole.receive(stream)
    #expect(whole.messages.map(\.id) == [.max, 0, 0x0102_0304])
    #expect(whole.rest == ByteBuffer(bytes: [1, 0, 0]))
    for first in 0...stream.readableBytes {
      for second in first...stream.readableBytes { try expectSame(decoder, stream, cutAt: [first, second], as: whole) }
    }
  }

  @Test("every way at all to cut a message and the beginning of the next", arguments: DataPack.allCases)
  func everyWay(_ pack: DataPack) throws {
    let decoder = FrameDecoder(pack, maxPacketSize: 10)
    var stream = pack.encoded(Message(id: 5, data: ByteBuffer(string: "x")))
    stream.writeBytes([9, 9])
    var whole = Receiver(decoder)
    whole.receive(stream)
    let inner = stream.readableBytes - 1
    for mask in 0..<(1 << inner) {
      try expectSame(decoder, stream, cutAt: (0..<inner).filter { mask >> $0 & 1 == 1 }.map { $0 + 1 }, as: whole)
    }
  }

  @Test("every way to cut a stream with an oversize header into three reads", arguments: DataPack.allCases)
  func everyThreeReadsOversize(_ pack: DataPack) throws {
    let decoder = FrameDecoder(pack, maxPacketSize: 10)
    let header = withUnsafeBytes(of: FrameHeader(id: 6, length: 11).rawHeader(pack), Array.init)
    let stream = shortStream(pack, endingIn: header + [0xff])
    var whole = Receiver(decoder)
    whole.receive(stream)
    #expect(whole.messages.count == 3)
    #expect(whole.error == .oversize(id: 6, length: 11))
    for first in 0...stream.readableBytes {
      for second in first...stream.readableBytes { try expectSame(decoder, stream, cutAt: [first, second], as: whole) }
    }
  }

  @Test("random streams, cut at random", arguments: DataPack.allCases, 1...40 as ClosedRange<UInt64>)
  func random(_ pack: DataPack, _ seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let decoder = FrameDecoder(pack, maxPacketSize: 200)
    var stream = ByteBuffer()
    var sent: [Message] = []
    for _ in 0..<Int.random(in: 1...30, using: &random) {
      let length = Bool.random(using: &random) ? Int.random(in: 0...3, using: &random) : Int.random(in: 0...200, using: &random)
      let data = ByteBuffer(bytes: (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &random) })
      sent.append(Message(id: .random(in: .min ... .max, using: &random), data: data))
      stream.writeImmutableBuffer(pack.encoded(sent[sent.count - 1]))
    }
    var whole = Receiver(decoder)
    whole.receive(stream)
    #expect(whole.messages == sent)
    for _ in 0..<5 {
      let cuts = (0..<Int.random(in: 1...60, using: &random)).map { _ in Int.random(in: 0...stream.readableBytes, using: &random)
      }
      try expectSame(decoder, stream, cutAt: cuts.sorted(), as: whole)
    }
  }

  @Test(
    "random bytes, cut at random, end in the same error or the same wait", arguments: DataPack.allCases,
    1...40 as ClosedRange<UInt64>)
  func noise(_ pack: DataPack, _ seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    // Mostly zero, so that many headers are small enough to pass.
    let bytes = (0..<400).map { _ in UInt8.random(in: 0...9, using: &random) == 0 ? UInt8.random(in: 0...9, using: &random) : 0 }
    let decoder = FrameDecoder(pack, maxPacketSize: .random(in: 0...0x1_0000, using: &random))
    let stream = ByteBuffer(bytes: bytes)
    var whole = Receiver(decoder)
    whole.receive(stream)
    for _ in 0..<5 {
      let cuts = (0..<Int.random(in: 1...60, using: &random)).map { _ in Int.random(in: 0...400, using: &random) }
      try expectSame(decoder, stream, cutAt: cuts.sorted(), as: whole)
    }
  }
}
