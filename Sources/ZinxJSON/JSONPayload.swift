import FoundationEssentials
import NIOCore
import ZinxWire

/// A `Codable` type whose messages are JSON. Declaring it is all there is to do:
///
/// <!-- in: … -->
/// ```swift
/// struct Move: Codable, JSONPayload {
///   var x, y: Int
/// }
/// ```
///
/// Members of the JSON that the type does not have are skipped. Each message costs a decoder or an encoder: where that is too much, a type
/// says itself which bytes it is (`Payload`).
public protocol JSONPayload: Payload, Codable {}

extension JSONPayload {
  /// Throws: `DecodingError`.
  public init(decoding data: inout ByteBuffer) throws {
    let bytes = data.readableBytesView.withContiguousStorageIfAvailable { Data($0) } ?? Data()
    data.moveReaderIndex(to: data.writerIndex)
    self = try JSONDecoder().decode(Self.self, from: bytes)
  }

  /// Throws: `EncodingError`, as for a number that is not finite.
  public func encode(into data: inout ByteBuffer) throws {
    data.writeBytes(try JSONEncoder().encode(self))
  }
}
