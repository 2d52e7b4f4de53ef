import NIOCore

/// Frames of a protocol that no description of lengths or delimiters fits. A plugin registers one, and `DataPack` chooses it by its name.
///
/// A codec holds no state: what it answers depends on the bytes that it is shown alone, and on no more of them than the frame's own,
/// however many follow. It is asked again about the same bytes, with more behind them or without, and answers the same once they are
/// enough. It is called on any thread, several at a time, and must not block.
///
/// What it answers is checked, so a mistake closes a connection with reason `bad-frame` and a line in the log that names the codec, and does
/// no more: no byte is read that is not there, and no frame is longer than `MaxPacketSize`.
public protocol FrameCodec: Sendable {
  /// What `DataPack` calls it: letters, digits and hyphens, and not the name of an order of the Zinx header.
  var name: String { get }

  /// Looks at what a peer has sent.
  ///
  /// - Parameter bytes: from where a frame begins, or junk; at least one, and not more than `MaxPacketSize` of them.
  func decode(_ bytes: Span<UInt8>) -> FrameStep

  /// Appends the frame of a message that is sent; a codec whose frames are made by handlers appends `data` as it is. Unlike an answer of
  /// ``decode(_:)`` this is not checked.
  ///
  /// Throws: whatever says why the message cannot be a frame; the call that sends it throws it on, in `ZinxError.unencodable`.
  func encode(id: UInt32, data: ByteBuffer, into frame: inout ByteBuffer) throws
}

/// What stands at the beginning of some bytes.
public enum FrameStep: Sendable, Hashable {
  /// A frame of `length` bytes: a message with this id. `data` lies where in the frame the data is, which may be all of it. A frame that
  /// is longer than the bytes that are there is asked about again when they have come.
  case message(length: Int, id: UInt32, data: Range<Int>)
  /// The bytes are the beginning of a frame of `length` bytes; nil while nothing tells how long it will be. One that is longer than
  /// `MaxPacketSize` ends the connection at once, so a length that is not sure yet is better not told; so does one of bytes that are there.
  case more(length: Int?)
  /// So many bytes are part of no frame. Not more than there are.
  case skip(Int)
  /// These bytes can never be a frame: the connection is closed, with reason `bad-frame`.
  case broken(FrameFault)
}

/// Why bytes can never be a frame, for the log: a clause such as "a length of 0". A literal, since what a peer sends has no place there.
public struct FrameFault: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
  private let text: StaticString

  public init(stringLiteral text: StaticString) { self.text = text }

  public var description: String { text.description }

  public static func == (one: Self, other: Self) -> Bool { one.description == other.description }

  public func hash(into hasher: inout Hasher) { hasher.combine(description) }
}

/// Numbers in frames, for codecs.
extension Span<UInt8> {
  /// The number at an offset; nil where fewer bytes are left than it has.
  @inlinable
  public func number<Number: FixedWidthInteger>(
    at offset: Int, _ endianness: Endianness = .big, as _: Number.Type = Number.self
  ) -> Number? {
    let size = Number.bitWidth / 8
    guard offset >= 0, size <= count, offset <= count - size else { return nil }
    var number: Number = 0
    for index in 0..<size {
      let place = endianness == .big ? index : size - 1 - index
      number = number << 8 | Number(truncatingIfNeeded: self[offset + place])
    }
    return number
  }

  /// Whether the bytes at the beginning are those of `prefix`, as far as both go.
  @inlinable
  public func agrees(with prefix: StaticString) -> Bool {
    prefix.withUTF8Buffer { prefix in
      for index in 0..<Swift.min(count, prefix.count) where self[index] != prefix[index] { return false }
      return true
    }
  }
}
