import NIOCore
import ZinxWire

/// One message of one connection, as a handler sees it.
public struct Request: Sendable {
  /// The connection it came on; replies go there.
  public let connection: Connection
  /// What holds the data, and where it lies there.
  let chunk: Chunk
  /// What the chunk's slices are made of: taken from here none is counted twice.
  private let whole: ByteBuffer
  private var offset: Int
  private var length = 0
  /// The message id. A change chooses the route in ``RouteRegistrar/beforeRouting(_:)`` only; behind it, it is that of the replies.
  public var id: UInt32
  /// What middleware hands on; nil without anything.
  private var values: [ObjectIdentifier: any Sendable]?

  public init(connection: Connection, id: UInt32, data: ByteBuffer) {
    self.connection = connection
    self.id = id
    chunk = Chunk(sharing: data)
    whole = chunk.whole
    offset = 0
    length = data.readableBytes
  }

  /// A request to be filled with the messages of a batch, one after the other.
  init(connection: Connection, _ batch: Batch) {
    self.connection = connection
    chunk = batch.chunk
    whole = chunk.whole
    offset = batch.start
    id = 0
  }

  /// The message's data: a slice of what was read from the socket. Copy the bytes to keep a small message for long.
  ///
  /// Made anew at each call; ``Connection/sendImmediately(_:dataOf:)`` sends the data on without.
  public var data: ByteBuffer {
    chunk.willBeSliced()
    // A request has only bytes that are there.
    return whole.getSlice(at: offset, length: length) ?? ByteBuffer()
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
    id = header.id
    offset = data
    length = Int(header.length)
    // Of the message before.
    if values != nil { values = nil }
    return true
  }

  /// Takes over a frame of its batch.
  mutating func take(_ frame: FoundFrame) {
    (id, offset, length) = (frame.id, frame.data.lowerBound, frame.data.count)
    if values != nil { values = nil }
  }

  /// What middleware has made of a request beside its data.
  struct Notes {
    let id: UInt32
    let values: [ObjectIdentifier: any Sendable]?
  }

  var notes: Notes { Notes(id: id, values: values) }

  mutating func take(_ notes: Notes) { (id, values) = (notes.id, notes.values) }
}

/// What handles the messages of one id, or of several.
///
/// The three steps run one after the other for each request, on the connection's worker, or on its event loop with `WorkerPoolSize` 0.
/// An error thrown in one skips the rest of that request, is logged once, and leaves the connection open.
public protocol Router: Sendable {
  /// Runs before ``handle(_:)``; empty by default.
  func preHandle(_ request: Request) async throws
  func handle(_ request: Request) async throws
  /// Runs after ``handle(_:)``; empty by default.
  func postHandle(_ request: Request) async throws
}

/// A router that answers most requests at once. Such a request costs no task; one that has to wait becomes one.
public protocol ImmediateRouter: Router {
  /// Handles a request without suspending, in place of the three steps. Returns false, having done nothing, to have the request go
  /// through the three steps instead.
  func handleImmediately(_ request: Request) throws -> Bool
}

extension Router {
  @inlinable public func preHandle(_ request: Request) async throws {}
  @inlinable public func postHandle(_ request: Request) async throws {}
}

/// Code around every request of every route, e.g. to measure or to wait for a permission. It calls `next` to go on, or not. What only
/// admits or refuses is cheaper as ``RouteRegistrar/admit(_:)``.
public protocol Interceptor: Sendable {
  /// What stands behind an interceptor: the next one, or the route.
  typealias Next = nonisolated(nonsending) @Sendable (Request) async throws -> Void

  func intercept(_ request: Request, next: Next) async throws
}
