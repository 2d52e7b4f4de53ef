import NIOCore

/// A value that is the data of a message: what typed routes take and return, and typed requests of a client.
///
/// A codec is a conformance. Text (`String`) and bytes as they are (`ByteBuffer`) are payloads, types that are `Codable` become JSON with
/// the product ZinxJSON, and a type may say itself which bytes it is:
///
/// ```swift
/// struct Move: Payload {
///   var x, y: Int32
///
///   init(decoding data: inout ByteBuffer) throws {
///     (x, y) = try data.readFields(bytes: 8) { ($0.take(), $0.take()) }
///   }
///
///   func encode(into data: inout ByteBuffer) {
///     data.writeFields(bytes: 8) {
///       $0.put(x)
///       $0.put(y)
///     }
///   }
/// }
/// ```
///
/// A module with another codec brings a protocol that refines this one and implements both requirements.
public protocol Payload: Sendable {
  /// Takes a value out of the data of one message. What it leaves unread is dropped, so that later versions of a message can be longer;
  /// a codec that does not want that checks it. Any thread.
  ///
  /// Throws: whatever says what is wrong with the data, such as ``PayloadError``.
  init(decoding data: inout ByteBuffer) throws

  /// Appends the value to `data`, which is empty, and is used again for the next one: do not keep it. Any thread.
  func encode(into data: inout ByteBuffer) throws
}

/// What is wrong with data that is to be a value, for codecs that have no error of their own.
public enum PayloadError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The data ends before the value does.
  case truncated
  /// The reason completes the sentence "the data …".
  case invalid(String)

  public var description: String {
    switch self {
    case .truncated: "the data ends before the value does"
    case .invalid(let reason): "the data \(reason)"
    }
  }
}

/// Text in UTF-8. Data that is anything else is not decoded.
extension String: Payload {
  @inlinable
  public init(decoding data: inout ByteBuffer) throws {
    guard let text = data.readableBytesView.withContiguousStorageIfAvailable({ String(validating: $0, as: UTF8.self) }) ?? ""
    else {
      throw PayloadError.invalid("is no UTF-8")
    }
    data.moveReaderIndex(to: data.writerIndex)
    self = text
  }

  @inlinable
  public func encode(into data: inout ByteBuffer) { data.writeString(self) }
}

/// The bytes as they are.
extension ByteBuffer: Payload {
  @inlinable
  public init(decoding data: inout ByteBuffer) {
    self = data.slice()
    data.moveReaderIndex(to: data.writerIndex)
  }

  @inlinable
  public func encode(into data: inout ByteBuffer) { data.writeImmutableBuffer(self) }

  /// The data of a message with a value, in a buffer of its own: for a message that goes to many.
  @inlinable
  public init<Value: Payload>(encoding value: Value) throws {
    self.init()
    try value.encode(into: &self)
  }
}
