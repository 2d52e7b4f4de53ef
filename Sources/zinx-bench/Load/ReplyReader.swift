import ZinxWire

/// What the replies must be like.
struct ExpectedReply: Sendable {
  /// A header that announces more than this is none: the server speaks another order, or nonsense.
  private static let longest = 256 << 20

  let pack: DataPack
  let id: UInt32
  let size: Int?
  /// The header of a right reply as it is in memory, when all of them have the same and nobody looks at their data.
  let header: UInt64?
  /// Compared with the data, if anybody looks at it.
  let payload: Payload?

  init(_ plan: Plan, _ payload: Payload) {
    pack = plan.pack
    id = plan.replyID
    size = plan.replySize
    self.payload = plan.verifies ? payload : nil
    header = plan.verifies ? nil : plan.replySize.map { FrameHeader(id: plan.replyID, length: UInt32($0)).rawHeader(plan.pack) }
  }

  /// The answer to what is sent first.
  init(first id: UInt32, _ plan: Plan) { (pack, self.id, size, header, payload) = (plan.pack, id, nil, nil, nil) }

  func isPossible(_ header: FrameHeader) -> Bool { Int(header.length) <= max(Self.longest, size ?? 0) }
}

/// Finds the replies in the stream of one connection. Keeps no data: a frame may come in any number of pieces.
struct ReplyReader {
  /// What some bytes held.
  struct Found: Equatable {
    var replies = 0
    /// Bytes of these replies with their headers.
    var bytes = 0
    /// Replies of another size than expected.
    var wrongSize = 0
    /// Replies with other data than the request had.
    var wrongData = 0
    /// Messages with another id.
    var others = 0
    /// The stream is not one of messages; nothing behind this point can be understood.
    var isNonsense = false
  }

  private let connection: Int
  private var header: UInt64 = 0
  private var headerBytes = 0
  private var body: Body?
  /// Replies so far: the number of the request that the next one answers.
  private var sequence = 0

  private struct Body {
    let length: Int
    let isReply: Bool
    let isCompared: Bool
    var position = 0
    var isRight = true
  }

  init(connection: Int) { self.connection = connection }

  /// From here on the first reply answers the first request.
  mutating func forgetReplies() { sequence = 0 }

  mutating func read(_ bytes: UnsafeRawBufferPointer, _ expected: ExpectedReply) -> Found {
    var found = Found()
    var offset = 0
    while offset < bytes.count, !found.isNonsense {
      if let header = expected.header, headerBytes == 0, body == nil {
        offset += skipWholeReplies(bytes, from: offset, header, expected, &found)
      }
      if body == nil { offset += readHeader(bytes, from: offset, expected, &found) }
      offset += readBody(bytes, from: offset, expected, &found)
    }
    return found
  }

  /// The fast way: frames that are whole and whose header is right. Returns how many bytes they take.
  @inline(__always)
  private mutating func skipWholeReplies(
    _ bytes: UnsafeRawBufferPointer, from start: Int, _ header: UInt64, _ expected: ExpectedReply, _ found: inout Found
  ) -> Int {
    let frame = DataPack.headerLength + (expected.size ?? 0)
    var offset = start
    while bytes.count - offset >= frame, bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) == header {
      offset += frame
    }
    let count = (offset - start) / frame
    found.replies += count
    found.bytes += offset - start
    sequence += count
    return offset - start
  }

  private mutating func readHeader(
    _ bytes: UnsafeRawBufferPointer, from offset: Int, _ expected: ExpectedReply, _ found: inout Found
  ) -> Int {
    let part = bytes[offset...].prefix(DataPack.headerLength - headerBytes)
    withUnsafeMutableBytes(of: &header) { header in
      for (index, byte) in part.enumerated() { header[headerBytes + index] = byte }
    }
    headerBytes += part.count
    guard headerBytes == DataPack.headerLength else { return part.count }
    headerBytes = 0
    let fields = FrameHeader(rawHeader: header, expected.pack)
    guard expected.isPossible(fields) else {
      found.isNonsense = true
      return part.count
    }
    let isReply = fields.id == expected.id
    let isRightSize = expected.size == nil || expected.size == Int(fields.length)
    if isReply, !isRightSize { found.wrongSize += 1 }
    body = Body(
      length: Int(fields.length), isReply: isReply, isCompared: isReply && isRightSize && expected.payload != nil)
    return part.count
  }

  private mutating func readBody(
    _ bytes: UnsafeRawBufferPointer, from offset: Int, _ expected: ExpectedReply, _ found: inout Found
  ) -> Int {
    guard var body, !found.isNonsense else { return 0 }
    let part = UnsafeRawBufferPointer(rebasing: bytes[offset...].prefix(body.length - body.position))
    if body.isCompared, body.isRight, let payload = expected.payload {
      let tag = Payload.tag(connection: connection, sequence: sequence)
      body.isRight = payload.matches(part, at: body.position, tag: tag)
    }
    body.position += part.count
    self.body = body
    if body.position == body.length { finish(body, &found) }
    return part.count
  }

  private mutating func finish(_ body: Body, _ found: inout Found) {
    self.body = nil
    guard body.isReply else {
      found.others += 1
      return
    }
    found.replies += 1
    found.bytes += DataPack.headerLength + body.length
    if !body.isRight { found.wrongData += 1 }
    sequence += 1
  }
}
