import NIOCore

/// What stands at the beginning of some bytes, checked against the limit: what the framings have in common.
enum FrameFinding: Hashable {
  /// A whole frame: `length` is in the bytes, and `data` in that.
  case message(length: Int, id: UInt32, data: Range<Int>)
  /// The frame takes so many bytes as a whole, 0 while that is not known; more than there are.
  case more(length: Int)
  /// 1 to as many bytes as there are.
  case skip(Int)
  case wrong(WireError)
}

/// A message in some bytes, which lie where the ranges say.
public struct FoundFrame: Sendable, Hashable {
  public var id: UInt32
  public var data: Range<Int>
  /// Where the frame ends.
  public var end: Int
}

extension Framing {
  /// Counts the whole frames at the beginning of `bytes`, at most `limit` of them. As ``FrameDecoder/scan(_:limit:)-(UnsafeRawBufferPointer,_)``
  /// does for Zinx messages, which take that way.
  ///
  /// - Parameter searched: ``FrameDecoder/Scan/searched`` of an earlier call, if the bytes begin with what that left.
  public func scan(
    _ bytes: UnsafeRawBufferPointer, limit: Int = .max, maxPacketSize: UInt32, searched: Int = 0
  ) -> FrameDecoder.Scan {
    if case .zinx(let pack) = self { return FrameDecoder(pack, maxPacketSize: maxPacketSize).scan(bytes, limit: limit) }
    var scan = FrameDecoder.Scan()
    var searched = searched
    while scan.frames < limit, scan.bytes + scan.junk < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[(scan.bytes + scan.junk)...])
      switch step(rest, maxPacketSize: Int(maxPacketSize), searched: searched) {
      case .message(let length, _, _):
        scan.frames += 1
        scan.bytes += scan.junk + length
        scan.junk = 0
      case .more(let length):
        scan.nextFrame = length
        if case .lines(let lines) = self { scan.searched = lines.searched(rest.count) }
        return scan
      case .skip(let count): scan.junk += count
      case .wrong(let error):
        scan.error = error
        return scan
      }
      searched = 0
    }
    return scan
  }

  /// The first message behind `offset` in bytes that were scanned; nil where they end.
  ///
  /// Throws: ``WireError/badFrame(_:)``, when a codec finds no frame where it has found one before.
  public func next(in bytes: UnsafeRawBufferPointer, from offset: Int) throws(WireError) -> FoundFrame? {
    if case .zinx(let pack) = self { return Self.next(in: bytes, from: offset, pack) }
    var position = offset
    while position >= 0, position < bytes.count {
      // Lengths were checked by the scan; a reload may have lowered the limit since.
      let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
      switch step(rest, maxPacketSize: Int(UInt32.max), searched: 0) {
      case .message(let length, let id, let data):
        return FoundFrame(
          id: id, data: position + data.lowerBound..<position + data.upperBound, end: position + length)
      case .skip(let count) where count < rest.count: position += count
      // What was scanned ends with a frame.
      case .skip, .more, .wrong: throw .contradiction
      }
    }
    return nil
  }

  private static func next(in bytes: UnsafeRawBufferPointer, from offset: Int, _ pack: DataPack) -> FoundFrame? {
    guard let header = FrameDecoder(pack, maxPacketSize: .max).header(in: bytes, at: offset) else { return nil }
    let data = offset + DataPack.headerLength
    guard bytes.count - data >= Int(header.length) else { return nil }
    return FoundFrame(id: header.id, data: data..<data + Int(header.length), end: data + Int(header.length))
  }

  /// Takes the first message out of `buffer`, and junk before it; nil while it is not whole. The data is a slice of the buffer.
  ///
  /// Throws: ``WireError``; the buffer then begins with what is wrong.
  public func next(_ buffer: inout ByteBuffer, maxPacketSize: UInt32) throws(WireError) -> Message? {
    if case .zinx(let pack) = self { return try FrameDecoder(pack, maxPacketSize: maxPacketSize).next(&buffer) }
    while buffer.readableBytes > 0 {
      let finding = buffer.withUnsafeReadableBytes { step($0, maxPacketSize: Int(maxPacketSize), searched: 0) }
      switch finding {
      case .message(let length, let id, let data):
        guard let frame = buffer.readSlice(length: length) else { return nil }
        return Message(id: id, data: frame.getSlice(at: frame.readerIndex + data.lowerBound, length: data.count) ?? ByteBuffer())
      case .more: return nil
      case .skip(let count): buffer.moveReaderIndex(forwardBy: count)
      case .wrong(let error): throw error
      }
    }
    return nil
  }

  private func step(_ bytes: UnsafeRawBufferPointer, maxPacketSize: Int, searched: Int) -> FrameFinding {
    switch self {
    // Those have a way of their own.
    case .zinx: .more(length: 0)
    case .lengthField(let frames): frames.step(bytes, maxPacketSize: maxPacketSize)
    case .lines(let frames): frames.step(bytes, maxPacketSize: maxPacketSize, searched: searched)
    case .codec(let codec): Self.step(codec, bytes, maxPacketSize: maxPacketSize)
    }
  }

  /// Asks a codec, and trusts nothing that it answers: each finding goes on by a byte, waits for more than there are, or is an end.
  private static func step(_ codec: any FrameCodec, _ bytes: UnsafeRawBufferPointer, maxPacketSize: Int) -> FrameFinding {
    // It sees no further than a frame may reach, so the answer does not depend on how much has come at once.
    let window = UnsafeRawBufferPointer(rebasing: bytes.prefix(maxPacketSize))
    guard !window.isEmpty else { return .wrong(.oversizeFrame(length: nil)) }
    let answer = window.withMemoryRebound(to: UInt8.self) { codec.decode($0.span) }
    switch answer {
    case .message(let length, _, let data) where length <= 0 || data.lowerBound < 0 || data.upperBound > length:
      return .wrong(.badFrame("a frame that its codec has measured wrong"))
    case .message(let length, let id, let data) where length <= window.count:
      return .message(length: length, id: id, data: data)
    case .message(let length, _, _): return unfinished(length, maxPacketSize)
    case .more(let length?) where length > window.count: return unfinished(length, maxPacketSize)
    case .more(_?): return .wrong(.badFrame("more bytes that its codec wants for a frame that is there"))
    case .more(nil):
      return window.count >= maxPacketSize ? .wrong(.oversizeFrame(length: nil)) : .more(length: 0)
    case .skip(let count) where count > 0: return .skip(min(count, window.count))
    case .skip: return .wrong(.badFrame("junk that its codec has measured wrong"))
    case .broken(let fault): return .wrong(.badFrame(fault))
    }
  }

  private static func unfinished(_ length: Int, _ maxPacketSize: Int) -> FrameFinding {
    length > maxPacketSize ? .wrong(.oversizeFrame(length: UInt64(clamping: length))) : .more(length: length)
  }

  // MARK: Encoding

  /// The frame of a message, in a buffer of its own.
  ///
  /// Where frames are not Zinx's, the data is the frame, with its delimiter if it has one, or what the codec makes of it.
  ///
  /// Throws: ``FramingError``, if the message cannot be a frame.
  public func encoded(_ message: Message) throws(FramingError) -> ByteBuffer {
    switch self {
    case .zinx(let pack): return pack.encoded(message)
    case .lengthField: return try whole(message.data.detached)
    case .lines(let lines):
      var frame = ByteBufferAllocator().buffer(capacity: message.data.readableBytes + lines.delimiter.count)
      try lines.encode(message.data, into: &frame)
      return frame
    case .codec(let codec):
      var frame = ByteBuffer()
      do { try codec.encode(id: message.id, data: message.data, into: &frame) } catch { throw FramingError("\(error)") }
      return try whole(frame)
    }
  }

  /// Without a byte it would be none.
  private func whole(_ frame: ByteBuffer) throws(FramingError) -> ByteBuffer {
    guard frame.readableBytes > 0 else { throw FramingError("the frame is empty") }
    return frame
  }
}

extension ByteBuffer {
  /// The bytes in a buffer of their own: a slice that waits to be sent would keep all that it was cut from.
  package var detached: ByteBuffer {
    var copy = ByteBufferAllocator().buffer(capacity: readableBytes)
    copy.writeImmutableBuffer(self)
    return copy
  }
}
