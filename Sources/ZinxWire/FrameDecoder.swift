import NIOCore

/// Finds the frames in a stream of bytes. Holds no bytes and does no I/O: whoever reads the socket keeps what is not a whole frame
/// yet and shows it again with what came after it.
public struct FrameDecoder: Sendable {
  public var pack: DataPack
  /// Bytes of data in one message; a header that announces more is refused before any data is kept.
  public var maxPacketSize: UInt32

  @inlinable
  public init(_ pack: DataPack, maxPacketSize: UInt32) {
    self.pack = pack
    self.maxPacketSize = maxPacketSize
  }

  /// What stands at the beginning of some bytes.
  public struct Scan: Sendable, Hashable {
    /// Whole frames found.
    public var frames = 0
    /// Bytes that these frames take.
    public var bytes = 0
    /// Bytes that the frame after them takes as a whole, as far as its header tells; 0 while the header is not complete.
    public var nextFrame = 0
    /// What stands behind the frames, if it can never be a frame.
    public var error: WireError?
    /// Bytes behind the frames that are part of none, in protocols that have such.
    public var junk = 0
    /// Bytes behind frames and junk that need not be searched again for the end of a frame, with more behind them.
    public var searched = 0

    public init(frames: Int = 0, bytes: Int = 0, nextFrame: Int = 0, error: WireError? = nil) {
      self.frames = frames
      self.bytes = bytes
      self.nextFrame = nextFrame
      self.error = error
    }
  }

  /// Counts the whole frames at the beginning of `bytes`, at most `limit` of them.
  @inlinable
  public func scan(_ bytes: UnsafeRawBufferPointer, limit: Int = .max) -> Scan {
    var scan = Scan()
    while scan.frames < limit, bytes.count - scan.bytes >= DataPack.headerLength {
      let header = FrameHeader(rawHeader: bytes.loadUnaligned(fromByteOffset: scan.bytes, as: UInt64.self), pack)
      guard header.length <= maxPacketSize else {
        scan.error = .oversize(id: header.id, length: header.length)
        return scan
      }
      let frame = DataPack.headerLength + Int(header.length)
      guard bytes.count - scan.bytes >= frame else {
        scan.nextFrame = frame
        return scan
      }
      scan.frames += 1
      scan.bytes += frame
    }
    return scan
  }

  /// Counts the whole frames in `buffer`, at most `limit` of them.
  @inlinable
  public func scan(_ buffer: ByteBuffer, limit: Int = .max) -> Scan {
    buffer.withUnsafeReadableBytes { scan($0, limit: limit) }
  }

  /// The header at `offset`, nil where fewer than eight bytes are left.
  @inlinable
  public func header(in bytes: UnsafeRawBufferPointer, at offset: Int) -> FrameHeader? {
    guard offset >= 0, bytes.count - offset >= DataPack.headerLength else { return nil }
    return FrameHeader(rawHeader: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self), pack)
  }

  /// Takes the first frame out of `buffer`, nil while it is not whole. The message's data is a slice of the buffer.
  ///
  /// Throws: ``WireError/oversize(id:length:)``; the buffer then still begins with that header.
  @inlinable
  public func next(_ buffer: inout ByteBuffer) throws(WireError) -> Message? {
    guard let raw = buffer.getInteger(at: buffer.readerIndex, endianness: .host, as: UInt64.self) else { return nil }
    let header = FrameHeader(rawHeader: raw, pack)
    guard header.length <= maxPacketSize else { throw .oversize(id: header.id, length: header.length) }
    guard buffer.readableBytes - DataPack.headerLength >= Int(header.length) else { return nil }
    buffer.moveReaderIndex(forwardBy: DataPack.headerLength)
    guard let data = buffer.readSlice(length: Int(header.length)) else { return nil }
    return Message(id: header.id, data: data)
  }
}
