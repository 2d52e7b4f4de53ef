import NIOCore
import ZinxWire

/// One message of one connection, as a handler sees it.
public struct Request: Sendable {
  /// The connection it came on; replies go there.
  public let connection: Connection
  /// What holds the data.
  @usableFromInline let chunk: Chunk
  /// Where the data begins in the chunk, its length, and the id. A request is copied as soon as a message is in it, which waits for
  /// several small writes and not for a single one; it is a tenth of what the server does for a small message.
  @usableFromInline var frame: SIMD4<UInt32>
  /// What the chunk's slices are made of: taken from here none is counted twice.
  @usableFromInline let whole: ByteBuffer
  /// What middleware hands on; nil without anything.
  private var values: [ObjectIdentifier: any Sendable]?

  public init(connection: Connection, id: UInt32, data: ByteBuffer) {
    self.connection = connection
    chunk = Chunk(sharing: data)
    whole = chunk.whole
    frame = Self.frame(at: 0, length: data.readableBytes, id)
  }

  /// A request to be filled with the messages of a batch, one after the other.
  init(connection: Connection, _ batch: Batch) {
    self.connection = connection
    chunk = batch.chunk
    whole = chunk.whole
    frame = Self.frame(at: batch.start, length: 0, 0)
  }

  // A ByteBuffer has no more than UInt32.max bytes.
  @inline(__always)
  private static func frame(at offset: Int, length: Int, _ id: UInt32) -> SIMD4<UInt32> {
    SIMD4(UInt32(truncatingIfNeeded: offset), UInt32(truncatingIfNeeded: length), id, 0)
  }

  @inlinable @inline(__always)
  var offset: Int { Int(frame.x) }
  @inlinable @inline(__always)
  var length: Int { Int(frame.y) }

  /// The message id. A change chooses the route in ``RouteRegistrar/beforeRouting(_:)`` only; behind it, it is that of the replies.
  @inlinable
  public var id: UInt32 {
    get { frame.z }
    set { frame.z = newValue }
  }

  /// The message's data: a slice of what was read from the socket. Copy the bytes to keep a small message for long.
  ///
  /// Made anew at each call; ``Connection/sendImmediately(_:dataOf:)`` sends the data on without.
  @inlinable public var data: ByteBuffer {
    chunk.willBeSliced()
    // A request has only bytes that are there. An empty buffer in place of this would be carried through every handler.
    guard let slice = whole.getSlice(at: offset, length: length) else { preconditionFailure("a request outside of its chunk") }
    return slice
  }

  /// The number of bytes of data.
  public var dataLength: Int { length }

  public var message: Message { Message(id: id, data: data) }

  /// A value that goes with the request from what sets it to what stands behind: middleware to the handler.
  ///
  /// <!-- in: enum Trace: PropertyKey { typealias Value = UInt64 }
  /// func serve(_ routes: inout RouteRegistrar) { … } -->
  /// ```swift
  /// routes.admit { request in
  ///   request[Trace.self] = UInt64.random(in: 0...UInt64.max)
  ///   return true
  /// }
  /// ```
  ///
  /// A copy has its own, so an ``Interceptor`` sets it in the copy with which it calls `next`. What belongs to the connection is kept there:
  /// see ``PropertyKey``.
  public subscript<Key: PropertyKey>(_ key: Key.Type) -> Key.Value? {
    get { values?[ObjectIdentifier(key)] as? Key.Value }
    set {
      if values == nil, newValue != nil { values = [:] }
      values?[ObjectIdentifier(key)] = newValue
    }
  }

  /// The data, valid as long as the request.
  @usableFromInline
  var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: chunk.memory.baseAddress.map { UnsafeRawPointer($0) + offset }, count: length)
  }

  /// Where its frame begins and ends in the chunk; of Zinx messages only.
  var begin: Int { offset - DataPack.headerLength }
  var end: Int { offset + length }

  /// Takes over the next frame of its batch. Returns false if there is none.
  ///
  /// - Parameter frames: the memory of the chunk up to where the batch ends.
  @inline(__always)
  mutating func takeNext(of frames: UnsafeRawBufferPointer, _ pack: DataPack) -> Bool {
    // Lengths were checked when the frames were counted; a reload may have lowered the limit since.
    guard let header = FrameDecoder(pack, maxPacketSize: .max).header(in: frames, at: end) else { return false }
    let data = end + DataPack.headerLength
    guard frames.count - data >= Int(header.length) else { return false }
    frame = Self.frame(at: data, length: Int(header.length), header.id)
    // Of the message before.
    if values != nil { values = nil }
    return true
  }

  /// Takes over a frame of its batch.
  mutating func take(_ frame: FoundFrame) {
    self.frame = Self.frame(at: frame.data.lowerBound, length: frame.data.count, frame.id)
    if values != nil { values = nil }
  }

  /// What middleware has made of a request beside its data.
  struct Notes {
    let id: UInt32
    let values: [ObjectIdentifier: any Sendable]?
  }

  var notes: Notes { Notes(id: id, values: values) }

  mutating func take(_ notes: Notes) {
    id = notes.id
    values = notes.values
  }
}

/// What handles the messages of one id, or of several.
///
/// The three steps run one after the other for each request, on the connection's worker, or on its event loop with `WorkerPoolSize` 0.
/// An error thrown in one skips the rest of that request, is logged once, and leaves the connection open.
public protocol Router: Sendable {
  // `nonisolated(nonsending)`, so that a conforming type's are: none begins with a hop.

  /// Runs before ``handle(_:)``; empty by default.
  nonisolated(nonsending) func preHandle(_ request: Request) async throws
  nonisolated(nonsending) func handle(_ request: Request) async throws
  /// Runs after ``handle(_:)``; empty by default.
  nonisolated(nonsending) func postHandle(_ request: Request) async throws
}

/// A router that answers most requests at once. Such a request costs no task; one that has to wait becomes one.
public protocol ImmediateRouter: Router {
  /// Handles a request without suspending, in place of the three steps. Returns false, having done nothing, to have the request go
  /// through the three steps instead.
  func handleImmediately(_ request: Request) throws -> Bool
}

extension Router {
  @inlinable nonisolated(nonsending) public func preHandle(_ request: Request) async throws {}
  @inlinable nonisolated(nonsending) public func postHandle(_ request: Request) async throws {}
}

/// Code around every request of every route, e.g. to measure or to wait for a permission. It calls `next` to go on, or not. What only
/// admits or refuses is cheaper as ``RouteRegistrar/admit(_:)``.
public protocol Interceptor: Sendable {
  /// What stands behind an interceptor: the next one, or the route.
  typealias Next = nonisolated(nonsending) @Sendable (Request) async throws -> Void

  nonisolated(nonsending) func intercept(_ request: Request, next: Next) async throws
}
