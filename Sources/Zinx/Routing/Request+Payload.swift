import NIOCore
import ZinxWire

/// Values in place of bytes.
extension Request {
  /// The data as a value.
  ///
  /// Throws: ``UndecodableMessage``, which a handler best lets go on: it is counted, told and answered like that of a typed route.
  @inlinable @inline(__always)
  public func decode<Value: Payload>(_: Value.Type = Value.self) throws(UndecodableMessage) -> Value {
    do { return try Value._decode(bytes) { data } } catch { throw UndecodableMessage(Value.self, error) }
  }

  /// Answers with a value and the same id.
  ///
  /// Throws: what its codec throws, and what ``reply(_:)-(ByteBuffer)`` does.
  @inlinable @inline(__always)
  public func reply<Value: Payload>(_ value: Value) throws { try connection.trySendBuffMsg(id, value) }

  /// Answers with a value and another id.
  @inlinable @inline(__always)
  public func reply<Value: Payload>(_ id: UInt32, _ value: Value) throws { try connection.trySendBuffMsg(id, value) }
}

extension Connection {
  /// Queues a message with a value without waiting.
  ///
  /// Throws: what its codec throws, and what ``trySendBuffMsg(_:_:)-(_,ByteBuffer)`` does.
  @inlinable @inline(__always)
  public func trySendBuffMsg<Value: Payload>(_ id: UInt32, _ value: Value) throws {
    if value._withBytes({ gathers(id, $0) }) { return }
    var data = takeScratch()
    do {
      try value.encode(into: &data)
      try trySendBuffMsg(id, data)
    } catch {
      giveBack(data)
      throw error
    }
    giveBack(data)
  }

  /// Sends a message with a value and returns when it is queued; waits for room as ``sendBuffMsg(_:_:)-(_,ByteBuffer)`` does.
  ///
  /// Throws: what its codec throws, ``ZinxError/connectionClosed``, `CancellationError`.
  @inlinable @inline(__always)
  nonisolated(nonsending) public func sendBuffMsg<Value: Payload>(_ id: UInt32, _ value: Value) async throws {
    if value._withBytes({ gathers(id, $0) }) { return }
    var data = takeScratch()
    try value.encode(into: &data)
    if gathers(id, data) { return giveBack(data) }
    if try await queue(id, data) { countWait() }
  }

  /// An empty buffer to encode into, which has memory already where the calling thread gathers for the connection: a buffer for each
  /// message would be an allocation for each.
  @usableFromInline
  func takeScratch() -> ByteBuffer {
    guard isCorkedHere, let cork else { return ByteBuffer() }
    return cork._withUnsafeGuaranteedRef { $0.takeScratch() }
  }

  @usableFromInline
  func giveBack(_ data: ByteBuffer) {
    guard isCorkedHere, let cork else { return }
    cork._withUnsafeGuaranteedRef { $0.giveBack(data) }
  }
}
