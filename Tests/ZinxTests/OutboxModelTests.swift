import NIOCore
import Testing
import ZinxTestKit
import ZinxWire

@testable import Zinx

/// The outbox beside a list of frames that does the same slowly.
@Suite("The outbox, at random", .timeLimit(.minutes(1)))
struct OutboxModelTests {
  private struct Model {
    let outbox: HeldOutbox
    /// What has left, byte for byte.
    var sent = ByteBuffer()
    /// What must leave.
    var expected = ByteBuffer()
    /// Where each frame of `expected` ends.
    var ends: [Int] = []
    var cork: [ByteBuffer] = []
    var behind: [ByteBuffer] = []
    var generator: SplitMix64
    /// Frames that do not tell their length are among them, or nothing else is.
    var hasRaw = false
    var isForeign = false

    var messages: Int { ends.filter { $0 > sent.readableBytes }.count + behind.count }
    var bytes: Int { expected.readableBytes - sent.readableBytes + behind.reduce(0) { $0 + $1.readableBytes } }

    mutating func frame() -> ByteBuffer {
      let id = UInt32.random(in: 0...99, using: &generator)
      let longest = [3, 200, 200_000].randomElement(using: &generator) ?? 3
      let length = Int.random(in: 0...longest, using: &generator)
      return OutboxTests.frame(id, length: length)
    }

    /// Bytes of which the beginning would be a header of anything.
    private mutating func noise() -> ByteBuffer {
      let longest = [3, 200, 20_000].randomElement(using: &generator) ?? 3
      let length = Int.random(in: 1...longest, using: &generator)
      return ByteBuffer(bytes: (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    mutating func expect(_ frame: ByteBuffer) {
      expected.writeImmutableBuffer(frame)
      ends.append(expected.readableBytes)
    }

    mutating func append() {
      let isRaw = hasRaw && Int.random(in: 0..<3, using: &generator) == 0
      let frame = isRaw || isForeign ? noise() : frame()
      outbox.append(frame: frame, isCorked: !cork.isEmpty, isShared: Bool.random(using: &generator), isRaw: isRaw)
      if cork.isEmpty { expect(frame) } else { behind.append(frame) }
    }

    mutating func uncork() {
      let frames = cork.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
      let written = outbox.queue.readableBytes == 0 ? Int.random(in: 0...frames.readableBytes, using: &generator) : 0
      if let taken = frames.getSlice(at: 0, length: written) { sent.writeImmutableBuffer(taken) }
      outbox.uncork(frames, count: cork.count, written: written)
      for frame in cork + behind { expect(frame) }
      (cork, behind) = ([], [])
    }

    mutating func write(all: Bool = false) {
      let available = outbox.queue.readableBytes
      let count = all ? available : Int.random(in: 0...available, using: &generator)
      if let taken = outbox.queue.getSlice(at: outbox.queue.readerIndex, length: count) { sent.writeImmutableBuffer(taken) }
      outbox.wrote(count)
    }
  }

  @Test("what leaves is byte for byte what was sent; messages, bytes and memory are counted right", arguments: 0..<40)
  func model(seed: UInt64) { run(Model(outbox: HeldOutbox(OutboxTests.pack), generator: SplitMix64(seed: seed))) }

  @Test("the same with bytes among the messages that do not tell how long they are", arguments: 0..<40)
  func raw(seed: UInt64) { run(Model(outbox: HeldOutbox(OutboxTests.pack), generator: SplitMix64(seed: seed), hasRaw: true)) }

  @Test("the same with frames of another protocol", arguments: 0..<40)
  func foreign(seed: UInt64) { run(Model(outbox: HeldOutbox(nil), generator: SplitMix64(seed: seed), isForeign: true)) }

  private func run(_ model: Model) {
    var model = model
    for _ in 0..<400 {
      switch Int.random(in: 0..<6, using: &model.generator) {
      case 0, 1: model.append()
      // Only Zinx messages gather in a cork.
      case 2 where model.isForeign: model.append()
      case 2: model.cork.append(model.frame())
      case 3: model.uncork()
      default: model.write(all: Int.random(in: 0..<4, using: &model.generator) == 0)
      }
      #expect(model.outbox.messages == model.messages)
      #expect(model.outbox.bytes == model.bytes)
      let (messages, bytes) = (model.messages, model.bytes)
      #expect(model.outbox.hasRoom(Outbox.Limit(messages: messages + 1, bytes: bytes + 1)))
      #expect(!model.outbox.hasRoom(Outbox.Limit(messages: messages, bytes: bytes + 1)))
      #expect(!model.outbox.hasRoom(Outbox.Limit(messages: messages + 1, bytes: bytes)))
      // A length that is kept has a few bytes.
      let lengths = model.hasRaw || model.isForeign ? 16 * messages + 64 : 0
      #expect(model.outbox.memory <= 64 << 10 + 4 * bytes + lengths)
    }
    model.uncork()
    model.write(all: true)
    #expect(model.outbox.isEmpty && model.outbox.memory == 0)
    #expect(model.outbox.messages == 0)
    #expect(model.sent == model.expected)
    #expect(model.outbox.bytesWritten == model.outbox.bytesAccepted)
    #expect(model.outbox.bytesWritten == UInt64(model.sent.readableBytes))
  }
}
