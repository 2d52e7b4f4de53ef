import NIOCore
import Testing
import ZinxTestKit
import ZinxWire

/// The same as ``LengthFieldFrames``, byte by byte and with numbers that cannot overflow.
private struct SlowLengthField {
  let frames: LengthFieldFrames
  let maxPacketSize: UInt32
  private(set) var messages: [Message] = []
  private(set) var error: WireError?
  private(set) var rest = 0

  init(_ frames: LengthFieldFrames, maxPacketSize: UInt32, _ bytes: [UInt8]) {
    (self.frames, self.maxPacketSize) = (frames, maxPacketSize)
    var start = 0
    while error == nil, let length = frameLength(bytes[start...]) {
      if length < fields {
        error = .badFrame("a length that is shorter than the frame's own fields")
      } else if length > Int128(maxPacketSize) {
        error = .oversizeFrame(length: UInt64(clamping: length))
      } else if length > bytes.count - start {
        break
      } else {
        let frame = Array(bytes[start..<start + Int(length)])
        messages.append(Message(id: id(frame), data: ByteBuffer(bytes: frame[frames.strip...])))
        start += Int(length)
      }
    }
    rest = bytes.count - start
  }

  private var fields: Int128 {
    guard case .field(let offset, let size) = frames.id else { return Int128(max(frames.lengthEnd, frames.strip)) }
    return Int128(max(frames.lengthEnd, frames.strip, offset + size))
  }

  private func frameLength(_ bytes: ArraySlice<UInt8>) -> Int128? {
    guard bytes.count >= frames.lengthOffset + frames.lengthSize else { return nil }
    let length = number(Array(bytes.dropFirst(frames.lengthOffset).prefix(frames.lengthSize)))
    return Int128(frames.lengthOffset) + Int128(frames.lengthSize) + length + Int128(frames.lengthAdjustment)
  }

  private func number(_ bytes: [UInt8]) -> Int128 {
    (frames.order == .bigEndian ? bytes : bytes.reversed()).reduce(0) { $0 * 256 + Int128($1) }
  }

  private func id(_ frame: [UInt8]) -> UInt32 {
    switch frames.id {
    case .constant(let id): id
    case .field(let offset, let size): UInt32(number(Array(frame[offset..<offset + size])))
    }
  }
}

@Suite("Frames that tell their length")
struct LengthFieldFramesTests {
  static let shapes: [(kind: String, frames: LengthFieldFrames)] = [
    ("htlv", make(offset: 2, size: 1, adjustment: 2, id: .field(offset: 1, size: 1))),
    ("station", make(offset: 3, size: 2, order: .littleEndian, id: .field(offset: 11, size: 1))),
    ("whole", make(offset: 0, size: 4, adjustment: -4, id: .field(offset: 4, size: 2))),
  ]

  static func make(
    offset: Int, size: Int, order: LengthFieldFrames.Order = .bigEndian, adjustment: Int = 0, strip: Int = 0,
    id: LengthFieldFrames.ID = .constant(7)
  ) -> LengthFieldFrames {
    do throws(FramingError) {
      return try LengthFieldFrames(
        lengthOffset: offset, lengthSize: size, order: order, lengthAdjustment: adjustment, strip: strip, id: id)
    } catch { fatalError("\(error)") }
  }

  @Test("the golden frames are messages with their ids and all of their bytes", arguments: shapes.indices)
  func golden(shape: Int) throws {
    let (kind, frames) = Self.shapes[shape]
    // Of a station's frames those of the third kind.
    let golden = GoldenForeignFrame.all(kind).filter { kind != "station" || $0.bytes.starts(with: Array("DNY".utf8)) }
    #expect(!golden.isEmpty)
    let whole = try ForeignReceiver.whole(.lengthField(frames), maxPacketSize: 4096, golden.flatMap(\.bytes))
    #expect(whole.messages == golden.map { Message(id: $0.id, data: ByteBuffer(bytes: $0.bytes)) })
    #expect(whole.error == nil && whole.rest.readableBytes == 0)
  }

  @Test("what is stripped is not in the data", arguments: [0, 1, 6, 10])
  func strip(count: Int) throws {
    let frames = Self.make(offset: 0, size: 4, adjustment: -4, strip: count, id: .field(offset: 4, size: 2))
    let golden = try #require(GoldenForeignFrame.all("whole").first)
    let whole = try ForeignReceiver.whole(.lengthField(frames), maxPacketSize: 4096, golden.bytes)
    #expect(whole.messages == [Message(id: golden.id, data: ByteBuffer(bytes: golden.bytes[count...]))])
  }

  @Test("a frame exactly as long as allowed passes, one byte more is refused on the header")
  func limit() throws {
    let framing = Framing.lengthField(Self.make(offset: 1, size: 2, order: .littleEndian))
    let frame: [UInt8] = [9, 7, 0] + [UInt8](repeating: 1, count: 7)
    #expect(try ForeignReceiver.whole(framing, maxPacketSize: 10, frame).messages.count == 1)
    let refused = try ForeignReceiver.whole(framing, maxPacketSize: 9, Array(frame[..<3]))
    #expect(refused.error == .oversizeFrame(length: 10))
  }

  @Test(
    "lengths of eight bytes do not overflow, whatever is added",
    arguments: [0, 1 << 30, -(1 << 30)] as [Int], [UInt64.max, UInt64.max - 8, 1 << 63, 1 << 62, 1 << 32] as [UInt64])
  func hostile(adjustment: Int, length: UInt64) throws {
    let framing = Framing.lengthField(Self.make(offset: 0, size: 8, adjustment: adjustment))
    let header = withUnsafeBytes(of: length.bigEndian, Array.init)
    let refused = try ForeignReceiver.whole(framing, maxPacketSize: .max, header)
    let expected = Int128(length) + 8 + Int128(adjustment)
    if expected <= Int128(UInt32.max) {
      #expect(refused.error == nil && refused.messages.isEmpty)
    } else {
      #expect(refused.error == .oversizeFrame(length: UInt64(clamping: expected)))
    }
  }

  @Test("a length that ends a frame inside of its own fields is no frame", arguments: [0, 1, 3, 5])
  func short(length: UInt8) throws {
    let framing = Framing.lengthField(Self.make(offset: 0, size: 4, adjustment: -4, id: .field(offset: 4, size: 2)))
    let refused = try ForeignReceiver.whole(framing, maxPacketSize: 4096, [0, 0, 0, length, 1, 2, 3, 4])
    #expect(refused.error == .badFrame("a length that is shorter than the frame's own fields"))
  }

  @Test("descriptions that no frame can have are refused")
  func refused() {
    func isRefused(
      _ offset: Int, _ size: Int, _ adjustment: Int = 0, strip: Int = 0, id: LengthFieldFrames.ID = .constant(1)
    ) -> Bool {
      do throws(FramingError) {
        _ = try LengthFieldFrames(lengthOffset: offset, lengthSize: size, lengthAdjustment: adjustment, strip: strip, id: id)
        return false
      } catch { return true }
    }
    for size in -1...9 { #expect(isRefused(0, size) == ![1, 2, 3, 4, 8].contains(size)) }
    for size in 0...8 { #expect(isRefused(0, 1, id: .field(offset: 0, size: size)) == ![1, 2, 3, 4].contains(size)) }
    #expect(isRefused(-1, 1) && isRefused(65536, 1) && isRefused(Int.max, 8))
    #expect(isRefused(0, 1, strip: -1) && isRefused(0, 1, strip: 65536))
    #expect(isRefused(0, 4, 1 << 30 + 1) && isRefused(0, 4, .min) && !isRefused(0, 4, -(1 << 30)))
    #expect(isRefused(0, 1, id: .field(offset: -1, size: 1)) && isRefused(0, 1, id: .field(offset: .max, size: 4)))
    // The longest frame of one byte of length has 256.
    #expect(!isRefused(0, 1, id: .field(offset: 255, size: 1)) && isRefused(0, 1, id: .field(offset: 256, size: 1)))
    #expect(!isRefused(0, 1, -255) && isRefused(0, 1, -256))
  }

  @Test(
    "every combination of keys means what a slow reading of it does, however the stream is cut",
    arguments: 0..<60 as Range<UInt64>)
  func everyCombination(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for size in LengthFieldFrames.lengthSizes {
      for order in LengthFieldFrames.Order.allCases {
        for idSize in [0] + LengthFieldFrames.idSizes {
          let id: LengthFieldFrames.ID =
            idSize == 0
            ? .constant(.random(in: .min ... .max, using: &random))
            : .field(offset: .random(in: 0...6, using: &random), size: idSize)
          let frames = Self.make(
            offset: .random(in: 0...5, using: &random), size: size, order: order,
            adjustment: .random(in: -9...9, using: &random), strip: .random(in: 0...5, using: &random), id: id)
          try check(frames, &random)
        }
      }
    }
  }

  private func check(_ frames: LengthFieldFrames, _ random: inout SplitMix64) throws {
    // Mostly zero, so that many lengths are small enough to pass.
    let bytes = (0..<Int.random(in: 0...90, using: &random)).map { _ in
      Int.random(in: 0...3, using: &random) == 0 ? UInt8.random(in: 0...20, using: &random) : 0
    }
    let limit = UInt32.random(in: 1...40, using: &random)
    let slow = SlowLengthField(frames, maxPacketSize: limit, bytes)
    let whole = try ForeignReceiver.whole(.lengthField(frames), maxPacketSize: limit, bytes)
    #expect(whole.messages == slow.messages && whole.error == slow.error, "\(frames) \(bytes)")
    if slow.error == nil { #expect(whole.rest.readableBytes == slow.rest) }
    let cuts = (0..<Int.random(in: 0...9, using: &random)).map { _ in Int.random(in: 0...bytes.count, using: &random) }
    try whole.expectSame(bytes, cutAt: cuts.sorted(), "\(frames) \(bytes)")
  }

  @Test("a frame that is sent keeps no memory of what its data was cut from")
  func memory() throws {
    var read = ByteBuffer(repeating: 1, count: 1 << 16)
    let slice = read.readSlice(length: 10)
    let data = try #require(slice)
    #expect(try Framing.lengthField(Self.shapes[0].frames).encoded(Message(id: 1, data: data)).storageCapacity < 1024)
  }

  @Test("a frame is sent as it is, and an empty one is none")
  func encoding() throws {
    let framing = Framing.lengthField(Self.shapes[0].frames)
    #expect(try framing.encoded(Message(id: 1, data: ByteBuffer(string: "whatever"))) == ByteBuffer(string: "whatever"))
    #expect(throws: FramingError("the frame is empty")) { try framing.encoded(Message(id: 1, data: ByteBuffer())) }
  }
}
