import Glibc
import NIOCore
import ZinxWire

/// A stream of frames of another protocol, how it is cut into reads, and what it means, found out in the plainest way.
struct ForeignStream {
  let framing: Framing
  let limit: UInt32
  let bytes: [UInt8]
  /// Where reads end, in order.
  let cuts: [Int]
  fileprivate(set) var messages: [(id: UInt32, data: Range<Int>)] = []
  fileprivate(set) var error: WireError?
  /// Bytes at the end that are the beginning of a frame.
  fileprivate(set) var rest = 0

  /// - Parameter least: bytes that a frame may have at least. The limit is any, or one of a few that streams of this size come near to.
  init(_ framing: Framing, least: UInt32 = 1, _ input: inout Input) {
    self.framing = framing
    let limit = input.word(UInt32.self)
    self.limit = limit & 0x8000_0000 == 0 ? limit % 1024 + least : limit
    let pieces = (0..<Int(input.byte() % 16)).map { _ in Int(input.word(UInt16.self)) }
    // Memory of its own, so that the sanitizer sees a byte too many.
    bytes = input.bytes
    cuts = pieces.map { [count = bytes.count] in min($0, count) }.sorted() + [bytes.count]
  }

  /// Has the bytes taken apart as the server does it, in batches of any size, and as the client does.
  func check() {
    for batch in [Int.max, 1, 3] { checkBatches(limitedTo: batch) }
    checkOneByOne()
  }

  private func checkBatches(limitedTo frames: Int) {
    var inbox: [UInt8] = []
    var start = 0
    var (found, searched) = (0, 0)
    var error: WireError?
    for (from, to) in zip([0] + cuts, cuts) where error == nil {
      inbox += bytes[from..<to]
      var isLimited = true
      while isLimited, error == nil {
        let scan = inbox.withUnsafeBytes { framing.scan($0, limit: frames, maxPacketSize: limit, searched: searched) }
        require(scan.frames <= frames && scan.bytes + scan.junk <= inbox.count, "a scan stays inside its bytes and its limit")
        require(scan.nextFrame == 0 || scan.nextFrame > inbox.count - scan.bytes - scan.junk, "the next frame is not there")
        Array(inbox[..<scan.bytes]).withUnsafeBytes { check($0, at: start, scan.frames, &found) }
        isLimited = scan.frames == frames
        searched = isLimited ? 0 : scan.searched
        error = scan.error
        start += scan.bytes + scan.junk
        inbox.removeFirst(scan.bytes + scan.junk)
      }
    }
    require(found == messages.count, "batches hold every message, found \(found) of \(messages.count)")
    require(error == self.error, "batches end with the error of the whole")
    require(error != nil || inbox.count == rest, "what is left is the beginning of a frame")
  }

  private func check(_ batch: UnsafeRawBufferPointer, at start: Int, _ frames: Int, _ found: inout Int) {
    var position = 0
    for _ in 0..<frames {
      guard let frame = try? framing.next(in: batch, from: position) else {
        return require(false, "a batch holds what was counted")
      }
      require(frame.end > position && frame.end <= batch.count && frame.data.upperBound <= frame.end, "a frame is in its batch")
      check(frame.id, frame.data.lowerBound + start..<frame.data.upperBound + start, found)
      (position, found) = (frame.end, found + 1)
    }
    require(position == batch.count && (try? framing.next(in: batch, from: position)) == nil, "a batch ends with its last frame")
  }

  private func check(_ id: UInt32, _ data: Range<Int>, _ index: Int) {
    guard index < messages.count else { return require(false, "no message that is not there") }
    require(messages[index].id == id && messages[index].data == data, "message \(index) is the whole's")
  }

  private func checkOneByOne() {
    var inbound = ByteBuffer()
    var found = 0
    var error: WireError?
    for (from, to) in zip([0] + cuts, cuts) where error == nil {
      inbound.writeBytes(bytes[from..<to])
      do throws(WireError) {
        while let message = try framing.next(&inbound, maxPacketSize: limit) {
          guard found < messages.count else { return require(false, "no message that is not there") }
          let (id, data) = messages[found]
          require(message.id == id && message.data == ByteBuffer(bytes: bytes[data]), "message \(found) is the whole's")
          found += 1
        }
      } catch let refusal { error = refusal }
    }
    require(found == messages.count && error == self.error, "one by one, the messages are the whole's")
  }
}

extension ForeignStream {
  /// What the bytes mean where a field tells the length.
  mutating func read(_ frames: LengthFieldFrames) {
    var start = 0
    func number(_ offset: Int, _ size: Int) -> Int128 {
      let field = bytes[start + offset..<start + offset + size]
      return (frames.order == .bigEndian ? Array(field) : field.reversed()).reduce(0) { $0 * 256 + Int128($1) }
    }
    while bytes.count - start >= frames.lengthOffset + frames.lengthSize {
      let length = number(frames.lengthOffset, frames.lengthSize) + Int128(frames.lengthEnd + frames.lengthAdjustment)
      if length < Int128(frames.shortestFrame) {
        error = .badFrame("a length that is shorter than the frame's own fields")
        return
      }
      if length > Int128(limit) {
        error = .oversizeFrame(length: UInt64(clamping: length))
        return
      }
      guard Int128(bytes.count - start) >= length else { break }
      var id: UInt32 = 0
      switch frames.id {
      case .constant(let constant): id = constant
      case .field(let offset, let size): id = UInt32(number(offset, size))
      }
      messages.append((id, start + frames.strip..<start + Int(length)))
      start += Int(length)
    }
    rest = bytes.count - start
  }

  /// What the bytes mean where a delimiter ends a frame.
  mutating func read(_ lines: LineFrames) {
    var start = 0
    while true {
      let end = (start..<max(start, bytes.count - lines.delimiter.count + 1)).first {
        bytes[$0..<$0 + lines.delimiter.count].elementsEqual(lines.delimiter)
      }
      if end.map({ $0 - start + lines.delimiter.count > Int(limit) }) ?? (bytes.count - start >= Int(limit)) {
        error = .oversizeFrame(length: nil)
        return
      }
      guard let end else { break }
      messages.append((lines.id, start..<end))
      start = end + lines.delimiter.count
    }
    rest = bytes.count - start
  }

  /// What the bytes mean that a charging station sends.
  mutating func readStation() {
    var start = 0
    let digits = Set("0123456789abcdefABCDEF".utf8)
    func agrees(_ prefix: String) -> Bool { zip(bytes[start...], prefix.utf8).allSatisfy { $0 == $1 } }
    while start < bytes.count {
      let left = bytes.count - start
      var (length, id) = (0, UInt32(0))
      if agrees("link") {
        (length, id) = (4, StationCodec.linkID)
      } else if agrees("89"), bytes[start...].prefix(20).allSatisfy({ digits.contains($0) }) {
        (length, id) = (20, StationCodec.cardID)
      } else if agrees("DNY") {
        guard left >= 5 else { break }
        let body = Int(bytes[start + 3]) + 256 * Int(bytes[start + 4])
        guard body >= 9 else {
          error = .badFrame("a length that leaves no room for a command")
          return
        }
        length = body + 5
        if left >= length {
          let sum = bytes[start..<start + body + 3].reduce(0) { ($0 + Int($1)) % 65536 }
          let told = Int(bytes[start + body + 3]) + 256 * Int(bytes[start + body + 4])
          id = sum == told ? UInt32(bytes[start + 11]) : StationCodec.malformedID
        }
      } else {
        start += 1
        continue
      }
      if length > Int(limit) {
        error = .oversizeFrame(length: UInt64(length))
        return
      }
      guard left >= length else { break }
      messages.append((id, start..<start + length))
      start += length
    }
    rest = bytes.count - start
  }
}
