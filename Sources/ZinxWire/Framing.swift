import NIOCore

/// How messages are cut out of a stream of bytes, and put into it. A listener has one, and so has a client.
public enum Framing: Sendable {
  /// Messages of the Zinx protocol: a header with id and length, and data.
  case zinx(DataPack)
  /// Frames of another protocol that tell their own length.
  case lengthField(LengthFieldFrames)
  /// Frames that end with a delimiter, such as lines of text.
  case lines(LineFrames)
  /// Frames that somebody else's code knows.
  case codec(any FrameCodec)

  /// The order of the header of Zinx messages; nil for other frames.
  @inlinable
  public var dataPack: DataPack? { if case .zinx(let pack) = self { pack } else { nil } }

  /// Bytes that a frame has at least: for limits that are smaller nothing ever passes.
  public var shortestFrame: Int {
    switch self {
    case .zinx: DataPack.headerLength
    // One that says 0 ends behind what is added to that.
    case .lengthField(let frames): max(frames.shortestFrame, frames.lengthEnd + frames.lengthAdjustment)
    case .lines(let frames): frames.delimiter.count
    case .codec: 1
    }
  }

  /// Bytes in front that tell how long a frame is, the beginning of what a peer has less time for than for the rest; 0 where no such are
  /// known.
  public var headerLength: Int {
    switch self {
    case .zinx: DataPack.headerLength
    case .lengthField(let frames): frames.lengthEnd
    case .lines, .codec: 0
    }
  }
}

extension Framing: Hashable {
  /// Codecs are equal by name.
  public static func == (one: Self, other: Self) -> Bool {
    switch (one, other) {
    case (.zinx(let one), .zinx(let other)): one == other
    case (.lengthField(let one), .lengthField(let other)): one == other
    case (.lines(let one), .lines(let other)): one == other
    case (.codec(let one), .codec(let other)): one.name == other.name
    default: false
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .zinx(let pack): hasher.combine(pack)
    case .lengthField(let frames): hasher.combine(frames)
    case .lines(let frames): hasher.combine(frames)
    case .codec(let codec): hasher.combine(codec.name)
    }
  }
}

extension Framing: CustomStringConvertible {
  /// A word for a log: `ltv-le`, `length-field`, `lines`, or the name of the codec.
  public var description: String {
    switch self {
    case .zinx(let pack): pack.rawValue
    case .lengthField: "length-field"
    case .lines: "lines"
    case .codec(let codec): codec.name
    }
  }
}

/// Why something cannot be sent as a frame, or a description of frames is none.
public struct FramingError: Error, Hashable, Sendable, CustomStringConvertible {
  /// One clause, such as "the data holds the delimiter".
  public var description: String

  public init(_ description: String) { self.description = description }
}
