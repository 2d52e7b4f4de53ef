import NIOCore

/// Frames that end with a delimiter. It is no part of the data, and is added to what is sent.
public struct LineFrames: Sendable, Hashable {
  /// Bytes that a delimiter may have at most.
  public static let longestDelimiter = 16

  public let delimiter: [UInt8]
  /// The message id of every line.
  public let id: UInt32
  private let search: DelimiterSearch

  /// Throws: ``FramingError``, when the delimiter has no byte, or more than ``longestDelimiter``.
  public init(delimiter: some Sequence<UInt8>, id: UInt32) throws(FramingError) {
    self.delimiter = Array(delimiter)
    self.id = id
    guard (1...Self.longestDelimiter).contains(self.delimiter.count) else {
      throw FramingError("a delimiter has 1 to \(Self.longestDelimiter) bytes")
    }
    search = DelimiterSearch(self.delimiter)
  }

  /// - Parameter searched: bytes at the beginning in which no delimiter begins, as an earlier call has found.
  func step(_ bytes: UnsafeRawBufferPointer, maxPacketSize: Int, searched: Int) -> FrameFinding {
    // A delimiter that ends further back does not matter, so the answer does not depend on how much has come at once.
    let window = UnsafeRawBufferPointer(rebasing: bytes.prefix(maxPacketSize))
    if let found = search.first(in: window, from: searched) {
      return .message(length: found + delimiter.count, id: id, data: 0..<found)
    }
    return bytes.count >= maxPacketSize ? .wrong(.oversizeFrame(length: nil)) : .more(length: 0)
  }

  /// Bytes at the beginning of a line that is not whole in which no delimiter can begin.
  func searched(_ count: Int) -> Int { max(0, count - delimiter.count + 1) }

  /// Appends a line.
  ///
  /// Throws: ``FramingError`` when the data holds the delimiter, or would with it make one that ends earlier.
  func encode(_ data: ByteBuffer, into frame: inout ByteBuffer) throws(FramingError) {
    let start = frame.writerIndex
    frame.writeImmutableBuffer(data)
    frame.writeBytes(delimiter)
    let found = frame.withUnsafeReadableBytes { bytes in
      let line = UnsafeRawBufferPointer(rebasing: bytes[(start - frame.readerIndex)...])
      return search.first(in: line, from: 0)
    }
    guard found == data.readableBytes else { throw FramingError("the data holds the delimiter") }
  }
}
