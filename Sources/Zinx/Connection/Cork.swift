import CLinux
import Glibc
import NIOCore
import ZinxIO
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
  /// Data from here on is worth more to be left where it is than the kernel takes for another piece of a write.
  private static let lendingSize = 4 << 10
  /// Pieces that are left where they are before a write, well below what sendmsg(2) takes (UIO_MAXIOV, 1024).
  private static let loansLimit = 32

  /// Data that was not copied: it leaves after the first `position` bytes of the memory.
  private struct Loan {
    let position: Int
    let data: UnsafeRawBufferPointer
  }

  /// Memory that is kept to encode values into.
  private static let scratchLimit = 64 << 10

  /// Counted by the cork's thread.
  let traffic: Traffic
  /// The tasks of the cork's thread.
  let runners = Runners()
  private let chain: JobChain

  // Memory of our own and not a ByteBuffer: this is written once for every reply, and nobody else ever holds it.
  @exclusivity(unchecked) private var memory = UnsafeMutableRawPointer.allocate(byteCount: initialCapacity, alignment: 16)
  @exclusivity(unchecked) private var capacity = initialCapacity
  @exclusivity(unchecked) private var used = 0
  @exclusivity(unchecked) private var loans: [Loan] = []
  /// The chunk of the batch that runs: its memory stays as it is until the cork is let go.
  @exclusivity(unchecked) private var lender: ObjectIdentifier?
  /// Bytes of all gathered frames.
  @exclusivity(unchecked) private(set) var length = 0
  /// Frames gathered.
  @exclusivity(unchecked) private(set) var count = 0
  /// Frames that fit into the peer's queue, as far as that need not be asked for each: 0 for a WebSocket, whose messages have a header
  /// in front of them. So the way of all others does not ask whether it is one.
  @exclusivity(unchecked) var room = 0
  /// Frames that fit into the peer's queue, whatever they are.
  @exclusivity(unchecked) var frameRoom = 0
  /// Bytes that are gathered before a write: what fits into the peer's queue, at most `flushThreshold`. The frame that reaches this
  /// is gathered as a whole.
  @exclusivity(unchecked) var space = 0
  // Not counted: whoever runs user code holds its connection until it lets go of the cork.
  @exclusivity(unchecked) private var connection: Unmanaged<Connection>?
  /// Which batch of the thread is timed, and which piece of work that it hands to a worker.
  @exclusivity(unchecked) var batchTurn = SampleTurn()
  @exclusivity(unchecked) var queueTurn = SampleTurn()
  /// What values are encoded into before they are gathered; nil while somebody has it.
  @exclusivity(unchecked) private var scratch: ByteBuffer?

  /// - Parameter chain: the jobs of the cork's thread.
  init(_ traffic: Traffic, _ chain: JobChain) { (self.traffic, self.chain) = (traffic, chain) }

  deinit { memory.deallocate() }

  /// The gathered frames, without what is on loan. Valid until the cork is used again.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory, count: used) }

  /// Whether another frame can be gathered before a write.
  @inline(__always)
  var hasRoom: Bool { count < room && length < space }

  /// The same for a message of a WebSocket.
  @inline(__always)
  var hasFrameRoom: Bool { count < frameRoom && length < space }

  /// Whether a job of the cork's thread that could go on lets others go first.
  var isTurnOver: Bool { chain.isTurnOver }

  var hasLoans: Bool { !loans.isEmpty }

  /// Gathers for `connection` from here on, and lets go of the one before.
  ///
  /// - Parameter lender: the chunk of the batch, if that outlives what is gathered.
  @inline(__always)
  func take(_ connection: Connection, lender: Chunk? = nil) {
    letGo()
    self.lender = lender.map { ObjectIdentifier($0) }
    self.connection = Unmanaged.passUnretained(connection)
    connection.wasCorked(by: self)
  }

  /// The connection whose code runs on the cork's thread; nil between two, and after code has waited.
  var holder: Connection? { connection?.takeUnretainedValue() }

  /// Whether code of this connection runs on the cork's thread.
  func isTaken(by connection: Connection) -> Bool {
    self.connection?.toOpaque() == Unmanaged.passUnretained(connection).toOpaque()
  }

  /// Writes what was gathered and goes on gathering.
  func flush() {
    guard let connection else { return }
    connection._withUnsafeGuaranteedRef { $0.flush(self, uncorking: false) }
  }

  /// The cork of the calling thread; nil where no requests run. It lives as long as its thread, so it is not counted.
  static var ofThisThread: Cork? {
    clinux_local().map { Unmanaged<Cork>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Makes this the cork of the calling thread.
  func belongsToThisThread() { clinux_set_local(Unmanaged.passUnretained(self).toOpaque()) }

  /// Writes what was gathered and stops gathering. Called whenever a chain of jobs on this thread has ended.
  func letGo() {
    guard let connection else { return }
    self.connection = nil
    defer { lender = nil }
    connection._withUnsafeGuaranteedRef { $0.flush(self, uncorking: true) }
  }

  /// Begins a message of a WebSocket (RFC 6455, section 5.2): the one of so many bytes that is gathered next is in it.
  func beginFrame(_ count: Int) {
    if capacity - used < WebSocketFrame.longestHeader { grow(by: WebSocketFrame.longestHeader) }
    let header = WebSocketFrame.writeHeader(count, to: memory + used)
    used += header
    length += header
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
    self.length += length
    count += 1
  }

  /// Gathers one message whose data stays where it is. Returns false if it has to be copied.
  @inline(__always)
  func borrow(_ id: UInt32, _ data: UnsafeRawBufferPointer, of chunk: Chunk, _ pack: DataPack) -> Bool {
    data.count >= Self.lendingSize && lender == ObjectIdentifier(chunk) && borrow(id, data, pack)
  }

  private func borrow(_ id: UInt32, _ data: UnsafeRawBufferPointer, _ pack: DataPack) -> Bool {
    guard loans.count < Self.loansLimit else { return false }
    if capacity - used < DataPack.headerLength { grow(by: DataPack.headerLength) }
    let header = FrameHeader(id: id, length: UInt32(truncatingIfNeeded: data.count)).rawHeader(pack)
    (memory + used).storeBytes(of: header, as: UInt64.self)
    used += DataPack.headerLength
    length += DataPack.headerLength + data.count
    loans.append(Loan(position: used, data: data))
    count += 1
    return true
  }

  /// An empty buffer, for a short time.
  @inline(__always)
  func takeScratch() -> ByteBuffer {
    guard var scratch = scratch.take() else { return ByteBufferAllocator().buffer(capacity: 256) }
    // If somebody has kept a slice of it, the next write makes new memory.
    scratch.moveReaderIndex(to: 0)
    scratch.moveWriterIndex(to: 0)
    return scratch
  }

  @inline(__always)
  func giveBack(_ buffer: ByteBuffer) { if buffer.capacity <= Self.scratchLimit { scratch = buffer } }

  /// Calls `body` with the pieces of the gathered frames, in order.
  func withPieces<Result>(_ body: (UnsafeMutableBufferPointer<iovec>) -> Result) -> Result {
    withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2 * loans.count + 1) { pieces in
      var (count, position) = (0, 0)
      func add(_ base: UnsafeRawPointer?, _ length: Int) {
        guard length > 0 else { return }
        pieces.initializeElement(at: count, to: iovec(iov_base: UnsafeMutableRawPointer(mutating: base), iov_len: length))
        count += 1
      }
      for loan in loans {
        add(memory + position, loan.position - position)
        add(loan.data.baseAddress, loan.data.count)
        position = loan.position
      }
      add(memory + position, used - position)
      return body(UnsafeMutableBufferPointer(rebasing: pieces[..<count]))
    }
  }

  /// Copies what is on loan to its place: ``bytes`` are all of the gathered frames then.
  func copyLoans() {
    guard hasLoans else { return }
    let new = UnsafeMutableRawPointer.allocate(byteCount: max(capacity, length), alignment: 16)
    withPieces { pieces in
      var position = 0
      for piece in pieces {
        if let base = piece.iov_base { (new + position).copyMemory(from: base, byteCount: piece.iov_len) }
        position += piece.iov_len
      }
    }
    memory.deallocate()
    (memory, capacity, used) = (new, max(capacity, length), length)
    loans.removeAll(keepingCapacity: true)
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
    (used, length, count) = (0, 0, 0)
    if hasLoans { loans.removeAll(keepingCapacity: true) }
    if capacity > 2 * Self.flushThreshold { replaceMemory(capacity: Self.initialCapacity) }
  }
}
