#if Protobuf
  import NIOCore
  import SwiftProtobuf
  import ZinxWire

  /// A type that `protoc-gen-swift` has made of a `.proto` file, as the data of a message. Declaring it is all there is to do:
  ///
  /// ```text
  /// extension Talk: ProtobufPayload {}
  /// ```
  ///
  /// Bytes that are no message of the type, nested more than a hundred deep, or without a required field of proto2 are not decoded. Bytes of
  /// another type may be: Protobuf skips the fields that a type does not have, keeps them, and sends them on. No bytes at all are a message
  /// whose fields have their defaults.
  public protocol ProtobufPayload: Payload, SwiftProtobuf.Message {}

  extension ProtobufPayload {
    /// Throws: `BinaryDecodingError`.
    public init(decoding data: inout ByteBuffer) throws {
      self = try data.withUnsafeReadableBytes { try Self(serializedBytes: $0.bytes) }
      data.moveReaderIndex(to: data.writerIndex)
    }

    /// Throws: `BinaryEncodingError`, as for a required field of proto2 that is not set.
    public func encode(into data: inout ByteBuffer) throws {
      data.writeBytes(try serializedBytes() as [UInt8])
    }

    public static func _decode(_ bytes: UnsafeRawBufferPointer, _: () -> ByteBuffer) throws -> Self {
      try Self(serializedBytes: bytes.bytes)
    }
  }
#else
  /// Where it is missing the package is used without its trait.
  @available(*, unavailable, message: "zinxd has it with its trait: .package(url: …, from: …, traits: [\"Protobuf\"])")
  public protocol ProtobufPayload {}
#endif
