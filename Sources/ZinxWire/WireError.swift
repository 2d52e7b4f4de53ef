/// What a peer did wrong on the wire.
public enum WireError: Error, Hashable, Sendable {
  /// A header announced more data than is allowed.
  case oversize(id: UInt32, length: UInt32)
  /// The stream ended inside a frame.
  case truncated
}
