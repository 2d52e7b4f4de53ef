import ZinxWire

/// Requests ready to be written, several in one piece. One for each thread: only the tags differ from write to write.
struct RequestTemplate {
  /// Bytes that one write takes about at most.
  private static let limit = 256 << 10

  private(set) var bytes: [UInt8] = []
  /// Frames in it.
  let count: Int
  private let frameLength: Int
  private let isTagged: Bool

  init(_ plan: Plan, _ payload: Payload) {
    frameLength = plan.frameLength
    isTagged = payload.isTagged
    count = max(1, min(Self.limit / plan.frameLength, plan.inFlight))
    let header = FrameHeader(id: plan.id, length: UInt32(plan.size)).rawHeader(plan.pack)
    let frame = withUnsafeBytes(of: header) { Array($0) } + payload.bytes
    bytes.reserveCapacity(count * frameLength)
    for _ in 0..<count { bytes += frame }
  }

  /// Writes the tags of the requests `frames` of a connection to the front of their data.
  mutating func tag(_ frames: Range<Int>, connection: Int) {
    guard isTagged else { return }
    bytes.withUnsafeMutableBytes { bytes in
      for (index, sequence) in frames.prefix(count).enumerated() {
        let tag = Payload.tag(connection: connection, sequence: sequence).littleEndian
        bytes.storeBytes(of: tag, toByteOffset: index * frameLength + DataPack.headerLength, as: UInt64.self)
      }
    }
  }
}
