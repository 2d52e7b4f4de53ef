import CNats
import NIOCore

/// A message that has come from NATS: somebody else's word.
///
/// Unchecked: libnats' message is only read, by one thread after the other.
final class Received: @unchecked Sendable {
  enum Header: Equatable {
    case absent
    case value(String)
    /// It is there, or some other is, in a form that is none.
    case unreadable
  }

  private let message: OpaquePointer

  /// Takes ownership of a message of libnats.
  init(_ message: OpaquePointer) { self.message = message }

  deinit { natsMsg_Destroy(message) }

  var subject: String { natsMsg_GetSubject(message).map { String(cString: $0) } ?? "" }

  /// The subject that an answer goes to; nil where none is asked for.
  var reply: String? { natsMsg_GetReply(message).map { String(cString: $0) } }

  /// Not a message, but the word of NATS that nobody has subscribed to the subject of a request.
  var isNoResponder: Bool { natsMsg_IsNoResponders(message) }

  /// A copy of the data.
  var data: ByteBuffer {
    ByteBuffer(bytes: UnsafeRawBufferPointer(start: natsMsg_GetData(message), count: Int(max(0, natsMsg_GetDataLength(message)))))
  }

  func header(_ key: StaticString) -> Header {
    var value: UnsafePointer<CChar>?
    // What a literal points to ends with a NUL, as C has it.
    let status = key.utf8Start.withMemoryRebound(to: CChar.self, capacity: key.utf8CodeUnitCount + 1) {
      natsMsgHeader_Get(message, $0, &value)
    }
    switch (status, value) {
    case (NATS_NOT_FOUND, _): return .absent
    case (NATS_OK, let value?): return .value(String(cString: value))
    default: return .unreadable
    }
  }
}
