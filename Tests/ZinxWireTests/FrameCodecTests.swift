import NIOCore
import Testing
import ZinxTestKit
import ZinxWire

/// What a charging station's stream means, found out in the plainest way.
private func slowStation(_ bytes: [UInt8]) -> (messages: [Message], isBroken: Bool, rest: Int) {
  var messages: [Message] = []
  var start = 0
  func message(_ id: UInt32, _ length: Int) {
    messages.append(Message(id: id, data: ByteBuffer(bytes: bytes[start..<start + length])))
    start += length
  }
  let digits = Set("0123456789abcdefABCDEF".utf8)
  while start < bytes.count {
    let rest = bytes[start...]
    let looksLikeCard = zip(rest, "89".utf8).allSatisfy { $0 == $1 } && rest.prefix(20).allSatisfy { digits.contains($0) }
    if zip(rest, "link".utf8).allSatisfy({ $0 == $1 }) {
      guard rest.count >= 4 else { break }
      message(StationCodec.linkID, 4)
    } else if looksLikeCard {
      guard rest.count >= 20 else { break }
      message(StationCodec.cardID, 20)
    } else if zip(rest, "DNY".utf8).allSatisfy({ $0 == $1 }) {
      guard rest.count >= 5 else { break }
      let length = Int(bytes[start + 3]) + 256 * Int(bytes[start + 4])
      guard length >= 9 else { return (messages, true, rest.count) }
      guard rest.count >= length + 5 else { break }
      let sum = rest.prefix(length + 3).reduce(0) { ($0 + Int($1)) % 65536 }
      let told = Int(bytes[start + length + 3]) + 256 * Int(bytes[start + length + 4])
      message(sum == told ? UInt32(bytes[start + 11]) : StationCodec.malformedID, length + 5)
    } else {
      start += 1
    }
  }
  return (messages, false, bytes.count - start)
}

@Suite("Frames of a codec")
struct FrameCodecTests {
  static let station = Framing.codec(StationCodec())

  /// Frames of all kinds with junk before, between and behind them, some of which begins as frames do.
  static let stream: (bytes: [UInt8], messages: [Message]) = {
    let junk = ["", "D", "DN", "lin", "8", "898", "x89link", "\0\u{7f}", "DNXlinDN", "89123456789012345678901x"]
    var bytes: [UInt8] = []
    for (index, frame) in GoldenForeignFrame.all("station", "station-bad").enumerated() {
      if index > 0 { bytes += Array(junk[index % junk.count].utf8) }
      bytes += frame.bytes
    }
    bytes += Array("~~~".utf8)
    return (bytes, slowStation(bytes).messages)
  }()

  @Test("each golden frame of a charging station is a message, a wrong sum one of its own")
  func golden() throws {
    for frame in GoldenForeignFrame.all("station", "station-bad") {
      let whole = try ForeignReceiver.whole(Self.station, maxPacketSize: 4096, frame.bytes)
      let id = frame.kind == "station" ? frame.id : StationCodec.malformedID
      #expect(whole.messages == [Message(id: id, data: ByteBuffer(bytes: frame.bytes))])
    }
  }

  @Test("the stream of a charging station with junk between its frames, cut into three anywhere")
  func stationSplits() throws {
    let (bytes, expected) = Self.stream
    let whole = try ForeignReceiver.whole(Self.station, maxPacketSize: 4096, bytes)
    #expect(whole.messages == expected && whole.error == nil && whole.rest.readableBytes == 0)
    #expect(
      Set(expected.map(\.id)).isSuperset(of: [StationCodec.cardID, StationCodec.linkID, StationCodec.malformedID, 0x20, 0x82]))
    for first in stride(from: 0, through: bytes.count, by: 1) {
      for second in stride(from: first, through: bytes.count, by: 7) {
        try whole.expectSame(bytes, cutAt: [first, second], "the stream")
      }
    }
    try whole.expectSame(bytes, cutAt: Array(1..<bytes.count), "the stream")
  }

  @Test("streams of frames and junk at random, cut at random", arguments: 0..<60 as Range<UInt64>)
  func stationAtRandom(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let frames = GoldenForeignFrame.all("station", "station-bad").map(\.bytes)
    var bytes: [UInt8] = []
    for _ in 0..<Int.random(in: 1...20, using: &random) {
      var piece = frames.randomElement(using: &random) ?? []
      switch Int.random(in: 0..<5, using: &random) {
      case 0: piece = Array(piece.prefix(Int.random(in: 0...piece.count, using: &random)))
      case 1: piece[Int.random(in: 0..<piece.count, using: &random)] = .random(in: .min ... .max, using: &random)
      case 2:
        piece = (0..<Int.random(in: 1...9, using: &random)).map { _ in Array("DNYlink89".utf8).randomElement(using: &random) ?? 0
        }
      default: break
      }
      bytes += piece
    }
    let (messages, isBroken, rest) = slowStation(bytes)
    let whole = try ForeignReceiver.whole(Self.station, maxPacketSize: 1 << 20, bytes)
    #expect(whole.messages == messages && (whole.error != nil) == isBroken, "\(bytes)")
    if !isBroken { #expect(whole.rest.readableBytes == rest) }
    for _ in 0..<8 {
      let cuts = (0..<Int.random(in: 0...9, using: &random)).map { _ in Int.random(in: 0...bytes.count, using: &random) }
      try whole.expectSame(bytes, cutAt: cuts.sorted(), "\(bytes)")
    }
  }

  @Test("HTLV-CRC: bodies come and go, and a wrong CRC is no frame")
  func htlv() throws {
    let framing = Framing.codec(HTLVCodec())
    for frame in GoldenForeignFrame.all("htlv") {
      let body = ByteBuffer(bytes: frame.bytes.dropFirst(3).dropLast(2))
      let message = Message(id: frame.id, data: body)
      #expect(try ForeignReceiver.whole(framing, maxPacketSize: 4096, frame.bytes).messages == [message])
      #expect(try framing.encoded(message) == ByteBuffer(bytes: frame.bytes))
      var wrong = frame.bytes
      wrong[wrong.count - 1] ^= 1
      #expect(try ForeignReceiver.whole(framing, maxPacketSize: 4096, wrong).error == .badFrame("a CRC that is wrong"))
    }
    #expect(throws: FramingError("a function and a length have one byte each")) {
      try framing.encoded(Message(id: 256, data: ByteBuffer()))
    }
  }

  @Test("a frame above the limit is refused as soon as its length is told")
  func limit() throws {
    let frame = GoldenForeignFrame.all("station").map(\.bytes).max { $0.count < $1.count } ?? []
    #expect(try ForeignReceiver.whole(Self.station, maxPacketSize: UInt32(frame.count), frame).messages.count == 1)
    let refused = try ForeignReceiver.whole(Self.station, maxPacketSize: UInt32(frame.count - 1), Array(frame[..<5]))
    #expect(refused.error == .oversizeFrame(length: UInt64(frame.count)))
  }

  /// Always answers the same.
  private struct Stubborn: FrameCodec {
    let name = "stubborn"
    let step: FrameStep
    func decode(_ bytes: Span<UInt8>) -> FrameStep { step }
    func encode(id: UInt32, data: ByteBuffer, into frame: inout ByteBuffer) {}
  }

  @Test(
    "a codec that measures wrong closes a connection, and reads nothing that is not there",
    arguments: [
      .message(length: 0, id: 1, data: 0..<0), .message(length: -1, id: 1, data: 0..<0),
      .message(length: .min, id: 1, data: 0..<0),
      .message(length: 3, id: 1, data: 0..<4), .message(length: 3, id: 1, data: -1..<2), .skip(0), .skip(-1), .skip(.min),
      .more(length: 5), .more(length: 1), .more(length: 0), .more(length: .min),
    ] as [FrameStep])
  func wrong(step: FrameStep) throws {
    let whole = try ForeignReceiver.whole(.codec(Stubborn(step: step)), maxPacketSize: 100, [1, 2, 3, 4, 5])
    guard case .badFrame = whole.error else { Issue.record("\(step): \(String(describing: whole.error))"); return }
    #expect(whole.messages.isEmpty)
  }

  @Test("more than there is to skip skips what there is")
  func skipsAll() throws {
    for count in [5, 6, Int.max] {
      let whole = try ForeignReceiver.whole(.codec(Stubborn(step: .skip(count))), maxPacketSize: 100, [1, 2, 3, 4, 5])
      #expect(whole.error == nil && whole.rest.readableBytes == 0)
    }
  }

  @Test(
    "a codec that never has enough is stopped at the limit",
    arguments: [
      .more(length: nil), .more(length: 101), .message(length: 101, id: 1, data: 0..<1),
    ] as [FrameStep])
  func never(step: FrameStep) throws {
    let bytes = [UInt8](repeating: 1, count: 100)
    let isTold = step == .more(length: 101) || step == .message(length: 101, id: 1, data: 0..<1)
    let before = try ForeignReceiver.whole(.codec(Stubborn(step: step)), maxPacketSize: 100, Array(bytes[..<99]))
    #expect(before.error == (isTold ? .oversizeFrame(length: 101) : nil))
    let whole = try ForeignReceiver.whole(.codec(Stubborn(step: step)), maxPacketSize: 100, bytes)
    #expect(whole.error == .oversizeFrame(length: isTold ? 101 : nil))
  }

  @Test(
    "nothing passes a limit of 0, and nothing is asked for ever",
    arguments: [.skip(1), .skip(.max), .more(length: nil), .message(length: 1, id: 1, data: 0..<1), .broken("x")] as [FrameStep])
  func noRoom(step: FrameStep) throws {
    let whole = try ForeignReceiver.whole(.codec(Stubborn(step: step)), maxPacketSize: 0, [1, 2])
    #expect(whole.messages.isEmpty && whole.error == .oversizeFrame(length: nil))
  }

  /// Answers one thing about two bytes, and another about more.
  private struct Fickle: FrameCodec {
    let name = "fickle"
    let later: FrameStep
    func decode(_ bytes: Span<UInt8>) -> FrameStep { bytes.count == 2 ? .message(length: 2, id: 1, data: 0..<2) : later }
    func encode(id: UInt32, data: ByteBuffer, into frame: inout ByteBuffer) {}
  }

  @Test(
    "a codec that denies a frame which it has found has the rest refused, not left out",
    arguments: [
      .more(length: nil), .more(length: 9), .skip(4), .skip(.max), .skip(0), .broken("x"),
      .message(length: 9, id: 1, data: 0..<1),
    ] as [FrameStep])
  func denies(step: FrameStep) throws {
    let framing = Framing.codec(Fickle(later: step))
    let bytes: [UInt8] = [1, 2, 3, 4]
    #expect(bytes[..<2].withUnsafeBytes { framing.scan($0, maxPacketSize: 2) }.frames == 1)
    #expect(throws: WireError.contradiction) { try bytes.withUnsafeBytes { try framing.next(in: $0, from: 0) } }
    // Behind the last one there is nothing to deny.
    #expect(try bytes.withUnsafeBytes { try framing.next(in: $0, from: 4) } == nil)
  }

  @Test("numbers are read where they are whole, in either order")
  func numbers() {
    let bytes: [UInt8] = [1, 2, 3]
    #expect(bytes.span.number(at: 0, as: UInt16.self) == 0x0102 && bytes.span.number(at: 1, .little, as: UInt16.self) == 0x0302)
    #expect(bytes.span.number(at: 2, as: UInt8.self) == 3)
    for offset in [-1, 2, 3, Int.max, Int.min] { #expect(bytes.span.number(at: offset, as: UInt16.self) == nil) }
  }
}
