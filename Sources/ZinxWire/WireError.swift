/// What a peer did wrong on the wire.
public enum WireError: Error, Hashable, Sendable {
  /// A header announced more data than is allowed.
  case oversize(id: UInt32, length: UInt32)
  /// A frame that is not Zinx's is longer than is allowed; nil where it does not tell by how much.
  case oversizeFrame(length: UInt64?)
  /// Bytes that can never be a frame.
  case badFrame(FrameFault)
  /// The stream ended inside a frame.
  case truncated
}

extension WireError {
  /// A codec has answered two things about the same bytes.
  package static var contradiction: Self { .badFrame("no frame where its codec has found one before") }
}
