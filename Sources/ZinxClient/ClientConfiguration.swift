import ZinxWire

/// The settings of a ``Client``.
public struct ClientConfiguration: Sendable, Hashable {
  /// The order of the header's fields and bytes that the server speaks.
  public var pack = DataPack.ltvLittleEndian
  /// Bytes of data in one received message; a header that announces more ends the connection.
  public var maxPacketSize: UInt32 = 16 << 20
  /// Bytes of received messages that may wait in ``Client/messages``. Once there are as many, the socket is not read until some are
  /// taken, so that the server feels it. One message may go beyond it, and every message counts 64 bytes more than its data.
  public var maxUnreadBytes = 1 << 20
  /// Time to look the name up and to connect, over all of the host's addresses.
  public var connectTimeout = Duration.seconds(10)
  /// Time that ``Client/close()`` gives the peer to read what was sent, and to close too.
  public var closeTimeout = Duration.seconds(5)

  /// The defaults, in the given order of the header.
  public init(pack: DataPack = .ltvLittleEndian) { self.pack = pack }
}
