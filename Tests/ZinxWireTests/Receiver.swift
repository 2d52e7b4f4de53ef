import NIOCore
import ZinxWire

/// What a socket's reader does with a decoder: it keeps what is not a whole frame yet and shows it again with what came after it.
struct Receiver {
  let decoder: FrameDecoder
  var rest = ByteBuffer()
  var messages: [Message] = []
  /// The mistake that ended the stream; nothing is decoded after it.
  var error: WireError?

  init(_ decoder: FrameDecoder) { self.decoder = decoder }

  /// Takes what one read brought, and asks for the messages one by one.
  mutating func receive(_ chunk: ByteBuffer) {
    rest.writeImmutableBuffer(chunk)
    guard error == nil else { return }
    do {
      while let message = try decoder.next(&rest) { messages.append(message) }
    } catch { self.error = error }
  }

  /// The same, but looks at the whole batch first, at most `limit` messages at a time.
  mutating func receive(_ chunk: ByteBuffer, batchesOf limit: Int) throws {
    rest.writeImmutableBuffer(chunk)
    while error == nil {
      let scan = decoder.scan(rest, limit: limit)
      guard var batch = rest.readSlice(length: scan.bytes) else { throw Disagreement(scan: scan) }
      for _ in 0..<scan.frames {
        guard let message = try decoder.next(&batch) else { throw Disagreement(scan: scan) }
        messages.append(message)
      }
      guard batch.readableBytes == 0 else { throw Disagreement(scan: scan) }
      error = scan.error
      guard scan.frames == limit else { return }
    }
  }

  /// `scan` counted what `next` does not find.
  struct Disagreement: Error { var scan: FrameDecoder.Scan }
}

extension Receiver: Equatable {
  /// Whether two receivers understood the same.
  static func == (left: Receiver, right: Receiver) -> Bool {
    left.messages == right.messages && left.error == right.error && left.rest == right.rest
  }
}
