import Glibc
import NIOCore

/// Frames that end with a delimiter. It is no part of the data, and is added to what is sent.
public struct LineFrames: Sendable, Hashable {
  /// Bytes that a delimiter may have at most.
  public static let longestDelimiter = 16

  public let delimiter: [UInt8]
  /// The message id of every line.
  public let id: UInt32

  /// Throws: ``FramingError``, when the delimiter has no byte, or more than ``longestDelimiter``.
  public init(delimiter: some Sequence<UInt8>, id: UInt32) throws(FramingError) {
    self.delimiter = Array(delimiter)
    self.id = id
    guard (1...Self.longestDelimiter).contains(self.delimiter.count) else {
      throw FramingError("a delimiter has 1 to \(Self.longestDelimiter) bytes")
    }
  }

  /// - Parameter searched: bytes at the beginning in which no delimiter begins, as an earlier call has found.
  func step(_ bytes: UnsafeRawBufferPointer, maxPacketSize: Int, searched: Int) -> FrameFinding {
    // A delimiter that ends further back does not matter, so the answer does not depend on how much has come at once.
    let window = UnsafeRawBufferPointer(rebasing: bytes.prefix(maxPacketSize))
    if let found = firstDelimiter(in: window, from: searched) {
      return .message(length: found + delimiter.count, id: id, data: 0..<found)
    }
    return bytes.count >= maxPacketSize ? .wrong(.oversizeFrame(length: nil)) : .more(length: 0)
  }

  /// Bytes at the beginning of a line that is not whole in which no delimiter can begin.
  func searched(_ count: Int) -> Int { max(0, count - delimiter.count + 1) }

  /// Where the first delimiter begins.
  private func firstDelimiter(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    var position = start
    while bytes.count - position >= delimiter.count, let base = bytes.baseAddress {
      let rest = bytes.count - position - delimiter.count + 1
      guard let found = memchr(base + position, Int32(delimiter[0]), rest) else { return nil }
      position = UnsafeRawPointer(found) - base
      if bytes[position..<position + delimiter.count].elementsEqual(delimiter) { return position }
      position += 1
    }
    return nil
  }

  /// Appends a line.
  ///
  /// Throws: ``FramingError`` when the data holds the delimiter, or would with it make one that ends earlier.
  func encode(_ data: ByteBuffer, into frame: inout ByteBuffer) throws(FramingError) {
    let start = frame.writerIndex
    frame.writeImmutableBuffer(data)
    frame.writeBytes(delimiter)
    let found = frame.withUnsafeReadableBytes { bytes in
      let line = UnsafeRawBufferPointer(rebasing: bytes[(start - frame.readerIndex)...])
      return firstDelimiter(in: line, from: 0)
    }
    guard found == data.readableBytes else { throw FramingError("the data holds the delimiter") }
  }
}
