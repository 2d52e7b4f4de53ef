import NIOCore
import Testing
import ZinxWire

/// The two ways in which bytes become messages of another protocol: as a server does it, and as a client does.
struct ForeignReceiver {
  let framing: Framing
  let maxPacketSize: UInt32
  private(set) var messages: [Message] = []
  private(set) var error: WireError?
  /// What was received and is part of no message yet.
  private(set) var rest = ByteBuffer()
  private var searched = 0

  init(_ framing: Framing, maxPacketSize: UInt32) { (self.framing, self.maxPacketSize) = (framing, maxPacketSize) }

  /// Counts the frames, takes them as a batch, and the messages out of that.
  mutating func receive(_ chunk: ByteBuffer, batchesOf limit: Int = .max) throws {
    guard error == nil else { return }
    rest.writeImmutableBuffer(chunk)
    var isLimited = true
    while isLimited, error == nil {
      let scan = rest.withUnsafeReadableBytes { framing.scan($0, limit: limit, maxPacketSize: maxPacketSize, searched: searched) }
      let taken = rest.readSlice(length: scan.bytes)
      let batch = try #require(taken)
      isLimited = scan.frames == limit
      searched = isLimited ? 0 : scan.searched
      let before = messages.count
      try take(batch)
      #expect(messages.count - before == scan.frames)
      error = scan.error
      if error == nil { rest.moveReaderIndex(forwardBy: scan.junk) }
    }
  }

  private mutating func take(_ batch: ByteBuffer) throws {
    var position = 0
    try batch.withUnsafeReadableBytes { bytes in
      while let frame = try framing.next(in: bytes, from: position) {
        try #require(frame.end > position && frame.end <= bytes.count)
        messages.append(Message(id: frame.id, data: ByteBuffer(bytes: bytes[frame.data])))
        position = frame.end
      }
      #expect(position == bytes.count, "a batch ends with a frame")
    }
  }

  /// One message after the other.
  mutating func receiveOneByOne(_ chunk: ByteBuffer) {
    guard error == nil else { return }
    rest.writeImmutableBuffer(chunk)
    do throws(WireError) {
      while let message = try framing.next(&rest, maxPacketSize: maxPacketSize) { messages.append(message) }
    } catch let refusal { error = refusal }
  }

  /// What a stream means, however it is cut.
  static func whole(_ framing: Framing, maxPacketSize: UInt32, _ bytes: [UInt8]) throws -> ForeignReceiver {
    var receiver = ForeignReceiver(framing, maxPacketSize: maxPacketSize)
    try receiver.receive(ByteBuffer(bytes: bytes))
    return receiver
  }

  /// Checks that a stream cut at `cuts` means the same in both ways.
  func expectSame(_ bytes: [UInt8], cutAt cuts: [Int], _ comment: Comment) throws {
    var inBatches = ForeignReceiver(framing, maxPacketSize: maxPacketSize)
    var byTwo = inBatches
    var oneByOne = inBatches
    for (start, end) in zip([0] + cuts, cuts + [bytes.count]) {
      let chunk = ByteBuffer(bytes: bytes[start..<end])
      try inBatches.receive(chunk)
      try byTwo.receive(chunk, batchesOf: 2)
      oneByOne.receiveOneByOne(chunk)
    }
    for other in [inBatches, byTwo, oneByOne] {
      #expect(other.messages == messages && other.error == error, "\(comment) cut at \(cuts)")
      if error == nil { #expect(other.rest == rest, "\(comment) cut at \(cuts)") }
    }
  }
}

/// One line of the golden frames of others.
struct GoldenForeignFrame {
  var kind: String
  var id: UInt32
  var bytes: [UInt8]

  static let all: [GoldenForeignFrame] = goldenLines("golden-frames-of-others.txt").map { line in
    let fields = line.split(separator: " ")
    guard fields.count == 3, let id = fields[1].hasPrefix("0x") ? UInt32(fields[1].dropFirst(2), radix: 16) : UInt32(fields[1])
    else { fatalError("golden-frames-of-others.txt: \(line)") }
    return GoldenForeignFrame(kind: String(fields[0]), id: id, bytes: Array(ByteBuffer(hex: fields[2]).readableBytesView))
  }

  static func all(_ kinds: String...) -> [GoldenForeignFrame] { all.filter { kinds.contains($0.kind) } }
}
