import ZinxWire

/// What could not be taken of a peer's bytes, for whoever has to find out why.
public struct WireFault: Sendable, Hashable {
  /// What the header announced that was refused, or whose data never came; nil without a whole header.
  public var header: FrameHeader?
  /// What was wrong with a frame that is not Zinx's.
  public var error: WireError?
  /// The name of the codec that was asked about the frame, or was wrong about it; nil without one.
  public var codec: String?
  /// `MaxPacketSize` at that time, in bytes.
  public var maxPacketSize: UInt32
  /// What the first bytes of the connection look like. Nil if they are none of what is recognised, or a message came before them that
  /// has a route.
  public var looksLike: Lookalike?

  public init(
    header: FrameHeader?, maxPacketSize: UInt32, looksLike: Lookalike? = nil, error: WireError? = nil, codec: String? = nil
  ) {
    self.header = header
    self.error = error
    self.codec = codec
    self.maxPacketSize = maxPacketSize
    self.looksLike = looksLike
  }
}
