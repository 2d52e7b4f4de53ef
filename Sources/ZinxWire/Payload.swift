import NIOCore

/// A value that is the data of a message: what typed routes take and return, and typed requests of a client.
///
/// A codec is a conformance. Text (`String`) and bytes as they are (`ByteBuffer`) are payloads, types that are `Codable` become JSON with
/// the product ZinxJSON, and a type may say itself which bytes it is. Numbers that always take the same room are a ``FieldPayload``, which
/// is the cheapest; anything else reads and writes the buffer:
///
/// ```swift
/// struct Talk: Payload {
///   var room: UInt32
///   var text: String
///
///   init(decoding data: inout ByteBuffer) throws {
///     guard let room = data.readInteger(endianness: .little, as: UInt32.self) else { throw PayloadError.truncated }
///     self.room = room
///     text = try String(decoding: &data)
///   }
///
///   func encode(into data: inout ByteBuffer) {
///     data.writeInteger(room, endianness: .little)
///     data.writeString(text)
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

  // The way around a `ByteBuffer`, for the codecs of this module that need none: it costs a small message more than everything else that
  // is done for it.

  /// Takes a value out of the bytes of one message, or of `data`, which is made of them.
  static func _decode(_ bytes: UnsafeRawBufferPointer, _ data: () -> ByteBuffer) throws -> Self

  /// Calls `body` with the value's bytes and returns what it does; false, without a call, if a buffer is needed for them.
  func _withBytes(_ body: (UnsafeRawBufferPointer) -> Bool) -> Bool
}

extension Payload {
  @inlinable @inline(__always)
  public static func _decode(_: UnsafeRawBufferPointer, _ data: () -> ByteBuffer) throws -> Self {
    var data = data()
    return try Self(decoding: &data)
  }

  @inlinable @inline(__always)
  public func _withBytes(_: (UnsafeRawBufferPointer) -> Bool) -> Bool { false }
}

/// What is wrong with data that is to be a value, for codecs that have no error of their own.
public enum PayloadError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The data ends before the value does.
  case truncated
  /// A value has more bytes than its type says.
  case tooLong
  /// The reason completes the sentence "the data …".
  case invalid(String)

  public var description: String {
    switch self {
    case .truncated: "the data ends before the value does"
    case .tooLong: "the value has more bytes than its type says"
    case .invalid(let reason): "the data \(reason)"
    }
  }
}

/// Text in UTF-8. Data that is anything else is not decoded.
extension String: Payload {
  @inlinable
  public init(decoding data: inout ByteBuffer) throws {
    self = try data.withUnsafeReadableBytes { try Self._decode($0) { ByteBuffer() } }
    data.moveReaderIndex(to: data.writerIndex)
  }

  @inlinable
  public func encode(into data: inout ByteBuffer) { data.writeString(self) }

  @inlinable
  public static func _decode(_ bytes: UnsafeRawBufferPointer, _: () -> ByteBuffer) throws -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw PayloadError.invalid("is no UTF-8") }
    return text
  }

  @inlinable
  public func _withBytes(_ body: (UnsafeRawBufferPointer) -> Bool) -> Bool {
    utf8.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) } ?? false
  }
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
