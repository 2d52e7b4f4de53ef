import ZinxWire

/// Where the replies of the batch that a thread runs gather, to leave in one write at its end. One for each event loop and worker,
/// so that an idle connection has no buffer and a reply takes no lock.
///
/// Unchecked: only the thread that owns it touches it; a connection that is corked names that thread (`Connection.corkThread`). For the
/// same reason the exclusivity checks at run time, which cost more than the rest of a reply, are off.
final class Cork: @unchecked Sendable {
  /// Bytes that are gathered at most before a batch writes in between: the peer can start to read, and memory stays bounded.
  static let flushThreshold = 256 << 10
  private static let initialCapacity = 16 << 10

  // Memory of our own and not a ByteBuffer: this is written once for every reply, and nobody else ever holds it.
  @exclusivity(unchecked) private var memory = UnsafeMutableRawPointer.allocate(byteCount: initialCapacity, alignment: 16)
  @exclusivity(unchecked) private var capacity = initialCapacity
  @exclusivity(unchecked) private var used = 0
  /// Frames gathered.
  @exclusivity(unchecked) private(set) var count = 0
  /// Frames that fit into the peer's queue.
  @exclusivity(unchecked) var room = 0
  /// Bytes that are gathered before a write: what fits into the peer's queue, at most `flushThreshold`. The frame that reaches this
  /// is gathered as a whole.
  @exclusivity(unchecked) var space = 0
  // Not counted: whoever runs user code holds its connection until it lets go of the cork.
  @exclusivity(unchecked) private var connection: Unmanaged<Connection>?

  deinit { memory.deallocate() }

  /// The gathered frames. Valid until the cork is used again.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory, count: used) }

  /// Whether another frame can be gathered before a write.
  @inline(__always)
  var hasRoom: Bool { count < room && used < space }

  /// Gathers for `connection` from here on, and lets go of the one before.
  func take(_ connection: Connection) {
    letGo()
    self.connection = Unmanaged.passUnretained(connection)
    connection.wasCorked(by: self)
  }

  /// Writes what was gathered and stops gathering. Called whenever a task on this thread has suspended or ended.
  func letGo() {
    guard let connection else { return }
    self.connection = nil
    connection._withUnsafeGuaranteedRef { $0.flush(self, uncorking: true) }
  }

  /// Gathers one message. `data` holds at most `UInt32.max` bytes, as a `ByteBuffer` does.
  @inline(__always)
  func append(_ id: UInt32, _ data: UnsafeRawBufferPointer, _ pack: DataPack) {
    let length = DataPack.headerLength + data.count
    if capacity - used < length { grow(by: length) }
    let target = memory + used
    target.storeBytes(of: FrameHeader(id: id, length: UInt32(truncatingIfNeeded: data.count)).rawHeader(pack), as: UInt64.self)
    if let data = data.baseAddress {
      (target + DataPack.headerLength).copyMemory(from: data, byteCount: length - DataPack.headerLength)
    }
    used += length
    count += 1
  }

  @inline(never)
  private func grow(by length: Int) {
    replaceMemory(capacity: max(2 * capacity, used + length))
  }

  private func replaceMemory(capacity: Int) {
    let new = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    new.copyMemory(from: memory, byteCount: used)
    memory.deallocate()
    memory = new
    self.capacity = capacity
  }

  /// Forgets what was gathered, and memory that one big batch took.
  func clear() {
    (used, count) = (0, 0)
    if capacity > 2 * Self.flushThreshold { replaceMemory(capacity: Self.initialCapacity) }
  }
}
