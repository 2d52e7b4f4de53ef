import Zinx
import ZinxWire

/// One key of a `DataPack` that is an object.
public typealias FrameOption = OptionOf<FrameDescription>

/// What the keys of a `DataPack` say, each by itself. What they say together is a ``Framing``: see ``FramingReader``.
public struct FrameDescription: Sendable, Equatable {
  var lengthOffset = 0
  var lengthSize: Int?
  var order = LengthFieldFrames.Order.bigEndian
  var lengthAdjustment = 0
  var strip = 0
  var idOffset: Int?
  var idSize: Int?
  var id: UInt32?
  var delimiter: String?

  init() {}

  /// Nil for what no object describes.
  init?(_ framing: Framing) {
    switch framing {
    case .zinx, .codec: return nil
    case .lines(let lines):
      delimiter = String(decoding: lines.delimiter, as: UTF8.self)
      id = lines.id
    case .lengthField(let frames):
      (lengthOffset, lengthSize, order) = (frames.lengthOffset, frames.lengthSize, frames.order)
      (lengthAdjustment, strip) = (frames.lengthAdjustment, frames.strip)
      switch frames.id {
      case .field(let offset, let size): (idOffset, idSize) = (offset, size)
      case .constant(let constant): id = constant
      }
    }
  }
}

extension FrameOption {
  /// Every key of a `DataPack` that is an object, in the order of the manual.
  public static var all: [FrameOption] { frameOptions }

  /// The key, in any case.
  static func named(_ key: String) -> FrameOption? {
    frameOptions.first { asciiLowercased($0.name) == asciiLowercased(key) }
  }

  /// The default as JSON; nil for those whose default is not to be there.
  public var defaultText: String? { value(in: FrameDescription())?.jsonText }

  /// The value, where it is not the default.
  func printed(in description: FrameDescription) -> ConfigurationValue? {
    isEqual(in: description, and: FrameDescription()) ? nil : value(in: description)
  }
}

private let frameOptions: [FrameOption] = [
  FrameOption(
    "LengthOffset", \.lengthOffset, .integer(in: 0...LengthFieldFrames.mostOffset), unit: "bytes", reload: true,
    "Bytes of a frame in front of the field that tells its length"),
  FrameOption(
    "LengthSize", \.lengthSize, .optional(.size(of: LengthFieldFrames.lengthSizes)), unit: "bytes", reload: true,
    absence: "required without Delimiter", "Bytes of the length field"),
  FrameOption("Order", \.order, .choice, reload: true, "Order of the bytes of length and id, big-endian or little-endian"),
  FrameOption(
    "LengthAdjustment", \.lengthAdjustment,
    .integer(in: -LengthFieldFrames.mostAdjustment...LengthFieldFrames.mostAdjustment), unit: "bytes", reload: true,
    "A frame ends so many bytes more than its length behind the length field; below zero where the length counts what is in front of that"
  ),
  FrameOption(
    "Strip", \.strip, .integer(in: 0...LengthFieldFrames.mostOffset), unit: "bytes", reload: true,
    "Bytes at the front of a frame that handlers do not see"),
  FrameOption(
    "IdOffset", \.idOffset, .optional(.integer(in: 0...LengthFieldFrames.mostOffset)), unit: "bytes", reload: true,
    absence: "the Id is the same for all", "Bytes of a frame in front of the message id"),
  FrameOption(
    "IdSize", \.idSize, .optional(.size(of: LengthFieldFrames.idSizes)), unit: "bytes", reload: true,
    absence: "required with IdOffset", "Bytes of the message id"),
  FrameOption(
    "Delimiter", \.delimiter,
    .optional(
      .string("a string of 1 to \(LineFrames.longestDelimiter) bytes") {
        (1...LineFrames.longestDelimiter).contains($0.utf8.count)
      }),
    reload: true, absence: "frames tell their length",
    "What ends a frame, in place of a length; it is no part of the data, and is added to what is sent"),
  FrameOption(
    "Id", \.id, .optional(.integer(in: 0...UInt32.max)), reload: true, absence: "the id is at IdOffset",
    "Message id of every frame"),
]

extension SettingRule where Value == Int {
  /// One of a few numbers.
  fileprivate static func size(of sizes: [Int]) -> Self {
    let last = sizes.last.map { " or \($0)" } ?? ""
    return Self(
      type: "whole number", allowed: sizes.dropLast().map { "\($0)" }.joined(separator: ", ") + last,
      read: {
        if case .integer(let number) = $0.content, let size = Int(exactly: number), sizes.contains(size) { size } else { nil }
      },
      write: { ConfigurationValue(.integer(Int64($0))) })
  }
}
