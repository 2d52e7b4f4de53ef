import CNats
import Glibc
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

  enum Token: Equatable {
    case number(UInt64)
    /// It is no number.
    case garbage
  }

  private let message: OpaquePointer

  /// Takes ownership of a message of libnats.
  init(_ message: OpaquePointer) { self.message = message }

  deinit { natsMsg_Destroy(message) }

  var subject: String { natsMsg_GetSubject(message).map { String(cString: $0) } ?? "" }

  /// What stands behind `prefix` in the subject, if that is a number and no more; nil for a subject that begins otherwise.
  ///
  /// By its bytes: this is asked of each answer.
  func token(after prefix: String) -> Token? {
    guard let subject = natsMsg_GetSubject(message), strncmp(subject, prefix, prefix.utf8.count) == 0 else { return nil }
    var (number, place): (UInt64, Int) = (0, prefix.utf8.count)
    repeat {
      let digit = UInt64(UInt8(bitPattern: subject[place])) &- 48
      let (times, isLarge) = number.multipliedReportingOverflow(by: 10)
      let (sum, isLarger) = times.addingReportingOverflow(digit)
      guard digit < 10, !isLarge, !isLarger else { return .garbage }
      (number, place) = (sum, place + 1)
    } while subject[place] != 0
    return .number(number)
  }

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
