import NIOCore

/// One message of the Zinx protocol: an id that names its route, and its data.
///
/// `data` is a slice of the buffer that was read from the socket, so keeping a message keeps that buffer; copy the bytes to keep a
/// small message for long.
public struct Message: Sendable, Equatable {
  /// Names the route; the whole range of `UInt32` is allowed.
  public var id: UInt32
  /// The payload; empty data is a message too.
  public var data: ByteBuffer

  @inlinable
  public init(id: UInt32, data: ByteBuffer) {
    self.id = id
    self.data = data
  }
}
