import NIOCore
import ZinxWire

/// Frames that tell their length, or end with a delimiter, with any combination of keys.
@Sendable func fuzzFrames(_ input: Input) {
  var input = input
  guard let framing = framing(&input) else { return }
  var stream = ForeignStream(framing, &input)
  switch framing {
  case .lengthField(let frames): stream.read(frames)
  case .lines(let lines):
    stream.read(lines)
    checkLine(lines, stream)
  case .zinx, .codec: return
  }
  stream.check()
}

/// A codec of three kinds of frame with junk between them.
@Sendable func fuzzStation(_ input: Input) {
  var input = input
  // With a limit that is shorter than what may be a card, one that is none would already be too long.
  var stream = ForeignStream(.codec(StationCodec()), least: 20, &input)
  stream.readStation()
  stream.check()
}

private func framing(_ input: inout Input) -> Framing? {
  let kind = input.byte()
  guard kind % 8 > 0 else {
    let delimiter = (0..<Int(input.byte() % 4 + 1)).map { _ in input.byte() }
    return (try? LineFrames(delimiter: delimiter, id: 7)).map(Framing.lines)
  }
  let idSize = Int(input.byte() % 5)
  let idOffset = Int(input.byte() % 32)
  let frames = try? LengthFieldFrames(
    lengthOffset: Int(input.byte() % 16), lengthSize: input.element(of: LengthFieldFrames.lengthSizes),
    order: kind % 2 == 0 ? .bigEndian : .littleEndian, lengthAdjustment: Int(Int8(bitPattern: input.byte())),
    strip: Int(input.byte() % 16), id: idSize == 0 ? .constant(1) : .field(offset: idOffset, size: idSize))
  return frames.map(Framing.lengthField)
}

/// What is sent as a line comes back as one, or is not sent.
private func checkLine(_ lines: LineFrames, _ stream: ForeignStream) {
  let message = Message(id: lines.id, data: ByteBuffer(bytes: stream.bytes))
  guard var sent = try? stream.framing.encoded(message) else { return }
  require((try? stream.framing.next(&sent, maxPacketSize: .max)) == message && sent.readableBytes == 0, "a line comes back")
}
