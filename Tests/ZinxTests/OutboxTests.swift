import NIOCore
import Testing
import ZinxIO
import ZinxWire

@testable import Zinx

@Suite("The outbox")
struct OutboxTests {
  static let pack = DataPack.ltvLittleEndian

  static func frame(_ id: UInt32, length: Int = 2) -> ByteBuffer {
    pack.encoded(Message(id: id, data: ByteBuffer(repeating: UInt8(truncatingIfNeeded: id), count: length)))
  }

  static func frames(_ ids: UInt32...) -> ByteBuffer {
    ids.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer(frame($1)) }
  }

  /// The ids of whole frames.
  static func ids(_ bytes: ByteBuffer) -> [UInt32] {
    var bytes = bytes
    let decoder = FrameDecoder(pack, maxPacketSize: .max)
    var ids: [UInt32] = []
    while let message = try? decoder.next(&bytes) { ids.append(message.id) }
    return ids
  }

  static func append(_ frames: ByteBuffer..., to outbox: HeldOutbox) {
    for frame in frames { outbox.append(frame: frame, isCorked: false) }
  }

  /// Collects who was resumed, and how.
  final class Log {
    var lines: [String] = []
    func resume(_ name: String) -> Outbox.Resume { { self.lines.append("\(name) \($0)") } }
  }

  @Test("frames leave in the order in which they were sent")
  func order() {
    let outbox = HeldOutbox(Self.pack)
    #expect(outbox.isEmpty)
    for id: UInt32 in 1...3 { outbox.append(frame: Self.frame(id), isCorked: false) }
    #expect(Self.ids(outbox.queue) == [1, 2, 3])
    #expect(outbox.messages == 3)
    #expect(outbox.bytesAccepted == 30)
  }

  @Test func `counts messages, and not what the protocol of a WebSocket says by itself`() {
    let outbox = HeldOutbox(Self.pack, isWebSocket: true)
    let message = WebSocketFrame.encoded(ByteBuffer(string: "m"))
    let pong = WebSocketFrame.encoded(ByteBuffer(string: "p"), .pong)
    for frame in [pong, message, pong, message] { outbox.append(frame: frame, isCorked: false) }
    #expect(outbox.messages == 4 && outbox.messagesWritten == 0)
    for (written, messages) in zip([3, 2, 1, 3, 1], [0, 0, 1, 1, 1] as [UInt64]) {
      outbox.wrote(written)
      #expect(outbox.messagesWritten == messages)
    }
    outbox.append(frame: pong, isCorked: true)
    _ = outbox.close()
    #expect(outbox.messages == 0 && outbox.messagesWritten == 1)
  }

  @Test func `what is left of a frame of which a part has left, or is sealed, is what has to leave before anything else`() {
    let payloads = [[UInt8](repeating: 1, count: 3), [2], [UInt8](repeating: 3, count: 200)]
    let frames = payloads.map { Array(WebSocketFrame.encoded(ByteBuffer(bytes: $0)).readableBytesView) }
    let all = frames.flatMap { $0 }
    let ends = frames.indices.map { frames[...$0].joined().count }
    for written in 0...all.count {
      for onTheWay in 0...all.count - written {
        let outbox = HeldOutbox(Self.pack, isWebSocket: true)
        for frame in frames { outbox.append(frame: ByteBuffer(bytes: frame), isCorked: false) }
        outbox.wrote(written)
        let position = written + onTheWay
        let end = position == 0 || ends.contains(position) ? position : ends.first { $0 > position } ?? position
        #expect(outbox.restOfCutFrame(onTheWay: onTheWay) == Array(all[position..<end]), "\(written), \(onTheWay)")
      }
    }
  }

  @Test("a frame counts as a message until its last byte is written", arguments: 1...40)
  func split(step: Int) {
    let outbox = HeldOutbox(Self.pack)
    for (id, length) in [(UInt32(1), 0), (2, 5), (3, 0), (4, 11)] {
      outbox.append(frame: Self.frame(id, length: length), isCorked: false)
    }
    let ends = [8, 21, 29, 48]
    var written = 0
    while written < 48 {
      let count = min(step, 48 - written)
      outbox.wrote(count)
      written += count
      #expect(outbox.messages == ends.filter { $0 > written }.count, "after \(written) bytes")
      #expect(outbox.messagesWritten == ends.count { $0 <= written })
    }
    #expect(outbox.isEmpty)
    #expect(outbox.queue.storageCapacity == 0, "an idle connection holds no buffer")
    #expect(outbox.bytesWritten == outbox.bytesAccepted)
  }

  @Test("what others send while replies are corked leaves after them")
  func behindCork() {
    let outbox = HeldOutbox(Self.pack)
    outbox.append(frame: Self.frame(1), isCorked: false)
    outbox.append(frame: Self.frame(9), isCorked: true)
    #expect(outbox.messages == 2)
    outbox.uncork(Self.frames(2, 3), count: 2, written: 0)
    #expect(Self.ids(outbox.queue) == [1, 2, 3, 9])
    #expect(outbox.messages == 4)
  }

  @Test("replies that the kernel took at once never enter the queue")
  func uncorkedWhole() {
    let outbox = HeldOutbox(Self.pack)
    outbox.append(frame: Self.frame(9), isCorked: true)
    outbox.uncork(Self.frames(2, 3), count: 2, written: 20)
    #expect(Self.ids(outbox.queue) == [9])
    #expect(outbox.messages == 1)
    #expect(outbox.bytesWritten == 20 && outbox.bytesAccepted == 30)
  }

  @Test("of replies that the kernel took in part the rest is queued", arguments: 0...20)
  func uncorkedInPart(written: Int) {
    let outbox = HeldOutbox(Self.pack)
    outbox.uncork(Self.frames(2, 3), count: 2, written: written)
    #expect(outbox.queue.readableBytes == 20 - written)
    #expect(outbox.messages == (written < 10 ? 2 : written < 20 ? 1 : 0))
    #expect(outbox.messagesWritten == UInt64(written / 10))
  }

  @Test("uncorking nothing changes nothing")
  func uncorkEmpty() {
    let outbox = HeldOutbox(Self.pack)
    outbox.uncork(ByteBuffer(), count: 0, written: 0)
    #expect(outbox.isEmpty && outbox.messages == 0)
  }

  @Test("a queue that is shared with other connections is not changed under them")
  func shared() {
    let frame = Self.frame(1)
    let (first, second) = (HeldOutbox(Self.pack), HeldOutbox(Self.pack))
    first.append(frame: frame, isCorked: false)
    second.append(frame: frame, isCorked: false)
    first.append(frame: Self.frame(2), isCorked: false)
    first.wrote(10)
    #expect(Self.ids(first.queue) == [2])
    #expect(Self.ids(second.queue) == [1])
  }

  @Test("as many who wait for room go on as there is room for, oldest first")
  func room() {
    let outbox = HeldOutbox(Self.pack)
    let log = Log()
    for id: UInt32 in 1...3 { outbox.append(frame: Self.frame(id), isCorked: false) }
    for name in ["a", "b", "c"] { _ = outbox.waitForRoom(for: 10, log.resume(name)) }
    #expect((outbox.takeResumable(limit: .messages(3)) ?? []).isEmpty)
    outbox.wrote(20)
    outbox.takeResumable(limit: .messages(3))?.forEach { $0(.over) }
    #expect(log.lines == ["a over", "b over"])
    outbox.wrote(10)
    outbox.takeResumable(limit: .messages(3))?.forEach { $0(.over) }
    #expect(log.lines.last == "c over")
  }

  @Test("a queue has room until its bytes have reached the limit, so that a message of any size fits into an empty one")
  func roomInBytes() {
    let outbox = HeldOutbox(Self.pack)
    #expect(outbox.hasRoom(.bytes(1)))
    Self.append(Self.frame(1, length: 92), to: outbox)
    #expect(outbox.bytes == 100)
    #expect(outbox.hasRoom(.bytes(101)))
    #expect(!outbox.hasRoom(.bytes(100)))
    outbox.append(frame: Self.frame(2, length: 12), isCorked: true)
    #expect(outbox.bytes == 120, "what waits behind the cork counts")
    outbox.wrote(21)
    #expect(outbox.hasRoom(.bytes(100)))
  }

  @Test("as many who wait for room go on as there are bytes for, and the last of them may be as large as it is")
  func waitersInBytes() {
    let outbox = HeldOutbox(Self.pack)
    let log = Log()
    Self.append(Self.frame(1, length: 92), to: outbox)
    for (name, bytes) in [("a", 30), ("b", 500), ("c", 1)] { _ = outbox.waitForRoom(for: bytes, log.resume(name)) }
    #expect((outbox.takeResumable(limit: .bytes(100)) ?? []).isEmpty)
    outbox.wrote(31)
    outbox.takeResumable(limit: .bytes(100))?.forEach { $0(.over) }
    #expect(log.lines == ["a over", "b over"])
  }

  @Test("a higher limit lets those go on who wait, without a write")
  func higherLimit() {
    let outbox = HeldOutbox(Self.pack)
    let log = Log()
    Self.append(Self.frame(1), Self.frame(2), to: outbox)
    for name in ["a", "b", "c"] { _ = outbox.waitForRoom(for: 10, log.resume(name)) }
    #expect((outbox.takeResumable(limit: .messages(2)) ?? []).isEmpty)
    outbox.takeResumable(limit: .messages(4))?.forEach { $0(.over) }
    #expect(log.lines == ["a over", "b over"])
  }

  // MARK: Memory

  @Test("a little that the kernel has not refused yet costs no memory; what it has refused does")
  func uncounted() {
    let outbox = HeldOutbox(Self.pack)
    Self.append(Self.frame(1, length: 1000), to: outbox)
    #expect(outbox.memory == 0)
    _ = outbox.block(at: Instant(nanoseconds: 1), progress: false)
    #expect(outbox.memory == 1024)
    outbox.unblock()
    Self.append(Self.frame(2, length: 8000), to: outbox)
    #expect(outbox.memory >= 9016)
    outbox.wrote(9016)
    #expect(outbox.memory == 0)
  }

  @Test("a message to many costs no memory of a queue until something is queued behind it")
  func sharedMemory() {
    let outbox = HeldOutbox(Self.pack)
    outbox.append(frame: Self.frame(1, length: 100_000), isCorked: false, isShared: true)
    #expect(outbox.memory == 0)
    #expect(outbox.bytes == 100_008, "but the peer has as much to take as of any message")
    outbox.append(frame: Self.frame(2), isCorked: false, isShared: true)
    #expect(outbox.memory >= 100_018)
    outbox.wrote(100_018)
    outbox.append(frame: Self.frame(1, length: 100_000), isCorked: false)
    #expect(outbox.memory >= 100_008)
  }

  @Test("what waits behind the cork costs memory, though it is a message to many")
  func memoryBehindCork() {
    let outbox = HeldOutbox(Self.pack)
    outbox.append(frame: Self.frame(1, length: 100_000), isCorked: true, isShared: true)
    #expect(outbox.memory >= 100_008)
  }

  @Test("a peer that takes all but a few bytes of much does not make the queue keep the memory of all")
  func shrinks() {
    let outbox = HeldOutbox(Self.pack)
    for id: UInt32 in 1...100 { Self.append(Self.frame(id, length: 9_992), to: outbox) }
    #expect(outbox.memory >= 1_000_000)
    outbox.wrote(999_999)
    #expect(outbox.memory == 0)
    _ = outbox.block(at: Instant(nanoseconds: 1), progress: false)
    #expect(outbox.memory == 1)
    #expect(outbox.bytes == 1 && outbox.messages == 1)
  }

  @Test("who waits until all is written goes on after its last byte, whatever is queued later")
  func written() {
    let outbox = HeldOutbox(Self.pack)
    let log = Log()
    outbox.append(frame: Self.frame(1), isCorked: false)
    _ = outbox.waitUntilWritten(log.resume("a"))
    outbox.append(frame: Self.frame(2), isCorked: false)
    outbox.wrote(9)
    #expect((outbox.takeResumable(limit: .messages(1)) ?? []).isEmpty)
    outbox.wrote(1)
    outbox.takeResumable(limit: .messages(1))?.forEach { $0(.over) }
    #expect(log.lines == ["a over"])
  }

  @Test("who waits for a message behind the cork does not go on when only the corked replies are written")
  func writtenBehindCork() {
    let outbox = HeldOutbox(Self.pack)
    let log = Log()
    outbox.append(frame: Self.frame(9), isCorked: true)
    _ = outbox.waitUntilWritten(log.resume("behind"))
    outbox.uncork(Self.frames(1, 2), count: 2, written: 20)
    #expect((outbox.takeResumable(limit: .messages(10)) ?? []).isEmpty)
    outbox.wrote(10)
    outbox.takeResumable(limit: .messages(10))?.forEach { $0(.over) }
    #expect(log.lines == ["behind over"])
  }

  @Test("who waits for a message before the cork does not wait for the corked replies")
  func writtenBeforeCork() {
    let outbox = HeldOutbox(Self.pack)
    let log = Log()
    outbox.append(frame: Self.frame(1), isCorked: false)
    _ = outbox.waitUntilWritten(log.resume("before"))
    outbox.append(frame: Self.frame(9), isCorked: true)
    outbox.uncork(Self.frames(2), count: 1, written: 0)
    outbox.wrote(10)
    outbox.takeResumable(limit: .messages(10))?.forEach { $0(.over) }
    #expect(log.lines == ["before over"])
  }

  @Test("who gives up is resumed once, by the caller")
  func giveUp() {
    let outbox = HeldOutbox(Self.pack)
    let log = Log()
    let token = outbox.waitForRoom(for: 10, log.resume("a"))
    outbox.giveUp(token)?(.cancelled)
    #expect(outbox.giveUp(token) == nil)
    #expect((outbox.takeResumable(limit: .messages(10)) ?? []).isEmpty)
    #expect(outbox.giveUp(0) == nil)
    #expect(log.lines == ["a cancelled"])
  }

  @Test("closing drops everything and tells all who wait")
  func close() {
    let outbox = HeldOutbox(Self.pack)
    let log = Log()
    outbox.append(frame: Self.frame(1), isCorked: false)
    outbox.append(frame: Self.frame(2), isCorked: true)
    _ = outbox.waitForRoom(for: 10, log.resume("a"))
    _ = outbox.waitUntilWritten(log.resume("b"))
    outbox.close().forEach { $0(.closed) }
    #expect(log.lines == ["a closed", "b closed"])
    #expect(outbox.isClosed && outbox.isEmpty && outbox.messages == 0)
    #expect(outbox.close().count == 0)
  }

  @Test("a kernel that is tried again and takes nothing has taken nothing since it last did")
  func triedAgain() {
    let outbox = HeldOutbox(Self.pack)
    outbox.append(frame: Self.frame(1), isCorked: false)
    #expect(outbox.block(at: Instant(nanoseconds: 1), progress: false) == true)
    outbox.unblock()
    #expect(outbox.block(at: Instant(nanoseconds: 2), progress: false) == true)
    #expect(outbox.blockedSince == Instant(nanoseconds: 1))
    outbox.unblock()
    #expect(outbox.block(at: Instant(nanoseconds: 3), progress: true) == true)
    #expect(outbox.blockedSince == Instant(nanoseconds: 3))
    outbox.unblock()
    outbox.wrote(10)
    outbox.append(frame: Self.frame(2), isCorked: false)
    #expect(outbox.block(at: Instant(nanoseconds: 4), progress: false) == true)
    #expect(outbox.blockedSince == Instant(nanoseconds: 4))
  }

  @Test("the time without progress runs from the last byte that the kernel took")
  func blocked() {
    let outbox = HeldOutbox(Self.pack)
    #expect(outbox.block(at: Instant(nanoseconds: 1), progress: false) == true)
    #expect(outbox.block(at: Instant(nanoseconds: 2), progress: false) == false)
    #expect(outbox.blockedSince == Instant(nanoseconds: 1))
    #expect(outbox.block(at: Instant(nanoseconds: 3), progress: true) == false)
    #expect(outbox.blockedSince == Instant(nanoseconds: 3))
    outbox.unblock()
    #expect(outbox.blockedSince == nil)
    #expect(outbox.block(at: Instant(nanoseconds: 4), progress: false) == true)
  }
}

extension Outbox.Limit {
  static func messages(_ count: Int) -> Self { Self(messages: count, bytes: .max) }
  static func bytes(_ count: Int) -> Self { Self(messages: .max, bytes: count) }
}
